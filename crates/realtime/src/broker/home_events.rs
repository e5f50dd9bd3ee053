//! Events of spaces that other servers hold, for their local subscribers (federation §12.4, §12.5).

use bytes::Bytes;
use less_sync_core::{Cursor, Epoch, SpaceId};
use less_sync_engine::ports::{EphemeralChange, PeerName};
use less_sync_engine::{HomeChange, HomeEvents, HomeHandle, HomePosition};
use less_sync_storage::Row;

use super::Broker;
use super::channel::SpaceChannel;
use super::deps::Context;
use super::durable_event::Broadcast;
use super::position::Position;
use super::sequencer::Step;

impl From<HomePosition> for Position {
    fn from(position: HomePosition) -> Self {
        let HomePosition { cursor, key_generation, rewrap_epoch } = position;
        Self { cursor, key_generation, rewrap_epoch }
    }
}

impl Broker {
    /// Notes that `home` holds `space`, so that departing subscribers are reported to it. To be called after a registration.
    pub(crate) fn set_home(&self, space: SpaceId, home: HomeHandle) {
        self.shard(space).update(space, &self.deps, |channel, _| channel.set_home(home));
    }

    /// Notes the key generation of a rotation that has begun at the home.
    pub(crate) fn note_epoch(&self, space: SpaceId, epoch: Epoch) {
        self.shard(space).update(space, &self.deps, |channel, _| channel.note_epoch(epoch));
    }

    /// Newest known position of `space`; `None` without a subscriber.
    pub(crate) fn newest(&self, space: SpaceId) -> Option<Position> {
        self.shard(space).channel(space).map(SpaceChannel::newest)
    }
}

impl HomeEvents for Broker {
    fn delivered(&self, space: SpaceId) -> Option<Cursor> {
        self.shard(space).channel(space).and_then(SpaceChannel::delivered)
    }

    fn changed(&self, space: SpaceId, change: HomeChange) {
        let HomeChange { prev, position, frame, may_be_second } = change;
        let event = Broadcast { frame: Some(frame), second: None, origin: None };
        let (step, position) = (Step { prev, cursor: position.cursor, event }, Position::from(position));
        self.deliver(space, |channel, context| {
            channel.publish_from_home(step, position, may_be_second, context);
        });
    }

    fn catching_up(&self, space: SpaceId) {
        self.deliver(space, |channel, _| channel.set_catching_up(true));
    }

    fn rows(&self, space: SpaceId, position: HomePosition, rows: &[Row]) {
        self.publish_rows(space, position.into(), rows);
    }

    fn caught_up(&self, space: SpaceId, position: HomePosition) -> bool {
        let end = |channel: &mut SpaceChannel, context: &mut Context<'_>| {
            channel.set_catching_up(false);
            channel.repair(position.into(), context)
        };
        self.deliver(space, end).unwrap_or(false)
    }

    fn hint(&self, space: SpaceId, position: HomePosition) {
        self.deliver(space, |channel, context| channel.hint(position.into(), context));
    }

    fn rewound(&self, space: SpaceId, position: HomePosition) {
        self.deliver(space, |channel, context| channel.rewind(position.into(), context));
    }

    fn revoked(&self, space: SpaceId) {
        self.deliver(space, SpaceChannel::notify_revoked);
    }

    fn resubscribe(&self, space: SpaceId) {
        self.deliver(space, SpaceChannel::notify_resubscribe);
    }

    fn ephemeral(&self, change: &EphemeralChange) {
        let now = self.clock.instant();
        self.shard(change.space).update(change.space, &self.deps, |channel, context| {
            channel.receive_from_home(change, now, context);
        });
    }

    fn present(&self, space: SpaceId, peers: Vec<(PeerName, Bytes)>) {
        let now = self.clock.instant();
        self.shard(space).update(space, &self.deps, |channel, context| {
            channel.replace_home_presence(&peers, now, context);
        });
    }

    fn local_presence(&self, space: SpaceId) -> Vec<EphemeralChange> {
        let shard = self.shard(space);
        shard.channel(space).map(|channel| channel.local_presence(&self.deps)).unwrap_or_default()
    }
}
