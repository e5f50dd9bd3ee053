//! Changes, presence and revocations of other nodes of the deployment.

use bytes::Bytes;
use less_sync_core::{Cursor, SpaceId};
use less_sync_engine::ports::{EncodedEvent, EphemeralChange, RemoteChange};
use less_sync_engine::{Revocation, RevokedEvent};

use super::Broker;
use super::channel::SpaceChannel;
use super::deps::Context;
use super::durable_event::Broadcast;
use super::position::Position;
use super::sequencer::{Progress, Step};

/// Change of another node, with its notifications for clients.
#[derive(Clone, Debug)]
pub(crate) struct RemoteStep {
    /// Cursor of the space before the change.
    pub(crate) prev: Cursor,
    /// Position of the space after the change.
    pub(crate) position: Position,
    /// Notification.
    pub(crate) frame: Bytes,
    /// Second notification of the same change.
    pub(crate) second: Option<Bytes>,
}

/// Announcement of a change that was committed here.
pub(super) fn change(
    space: SpaceId,
    prev: Cursor,
    position: Position,
    frame: Option<Bytes>,
    second: Option<Bytes>,
) -> RemoteChange {
    let Position { cursor, key_generation, rewrap_epoch } = position;
    let event = frame.map(|frame| EncodedEvent { key_generation, rewrap_epoch, frame, second });
    RemoteChange { space, prev, cursor, event }
}

impl Broker {
    /// Cursor up to which everything was delivered to the subscribers of `space`, inclusive; none without a confirmed one.
    pub(crate) fn delivered(&self, space: SpaceId) -> Option<Cursor> {
        self.shard(space).channel(space).and_then(SpaceChannel::delivered)
    }

    /// Notes that a change of another node is committed: it is a gap until it is delivered. True if the space has a confirmed
    /// subscriber, and the change was not delivered.
    pub(crate) fn note_committed(&self, space: SpaceId, cursor: Cursor) -> bool {
        self.deliver(space, |channel, _| channel.note_committed(cursor)).unwrap_or(false)
    }

    /// Publishes a change that another node has committed. Repeated and late ones are dropped by the sequencer.
    pub(crate) fn publish_remote(&self, space: SpaceId, step: RemoteStep) {
        self.deliver(space, |channel, context| publish(channel, step, context));
    }

    /// Deliveries of `space` so far; none without a confirmed subscriber.
    pub(crate) fn progress(&self, space: SpaceId) -> Option<Progress> {
        self.shard(space).channel(space).and_then(SpaceChannel::progress)
    }

    /// Publishes changes that were read, in order. With `expected`, only if the deliveries are still as they were then; false
    /// otherwise.
    pub(crate) fn publish_read(
        &self,
        space: SpaceId,
        expected: Option<&Progress>,
        steps: Vec<RemoteStep>,
    ) -> bool {
        let published = self.deliver(space, |channel, context| {
            if expected.is_some() && channel.progress().as_ref() != expected {
                return false;
            }
            for step in steps {
                publish(channel, step, context);
            }
            true
        });
        published.unwrap_or(true)
    }

    /// Publishes a revocation that another node has committed.
    pub(crate) fn revoke_remote(&self, space: SpaceId, revocation: Revocation) {
        let event = RevokedEvent { space, revocation, origin: None };
        self.shard(space).update(space, &self.deps, |channel, context| channel.revoke(&event, context));
    }

    /// Ends the subscriptions to a space that another node removes.
    pub(crate) fn purge_remote(&self, space: SpaceId) {
        self.end_all_subscriptions(space);
    }

    /// Receives presence or an event of a peer on another node.
    pub(crate) fn receive_ephemeral(&self, change: &EphemeralChange) {
        let now = self.clock.instant();
        self.shard(change.space).update(change.space, &self.deps, |channel, context| {
            channel.receive_ephemeral(change, now, context);
        });
    }

    /// Presence of the connections of this node in `space`.
    pub(crate) fn local_presence(&self, space: SpaceId) -> Vec<EphemeralChange> {
        let shard = self.shard(space);
        shard.channel(space).map(|channel| channel.local_presence(&self.deps)).unwrap_or_default()
    }
}

fn publish(channel: &mut SpaceChannel, step: RemoteStep, context: &mut Context<'_>) {
    let RemoteStep { prev, position, frame, second } = step;
    let event = Broadcast { frame: Some(frame), second, origin: None };
    channel.publish(Step { prev, cursor: position.cursor, event }, position, context);
}
