//! Publication of events to the subscribers of their spaces, and repair of gaps.

use less_sync_core::{Cid, SpaceId};
use less_sync_engine::{Revocation, RevokedEvent, SpaceEvent, SpaceEvents};

use super::Broker;
use super::durable_event::{Broadcast, DurableEvent, Interest};
use super::position::Position;
use super::sequencer::Step;

impl SpaceEvents for Broker {
    fn publish(&self, event: SpaceEvent) {
        match event {
            SpaceEvent::Pushed(pushed) => self.publish_durable(&pushed),
            SpaceEvent::Appended(appended) => self.publish_durable(&appended),
            SpaceEvent::FileChanged(changed) => self.publish_durable(&changed),
            SpaceEvent::Revoked(revoked) => {
                let space = revoked.space;
                self.shard(space).update(space, &self.deps, |channel, context| {
                    channel.revoke(&revoked, context);
                });
            }
        }
    }
}

impl Broker {
    fn publish_durable(&self, event: &impl DurableEvent) {
        let (space, origin, position) = (event.space(), event.origin(), event.position());
        // The lock is released while the event is encoded. A connection that registers meanwhile reads a state that
        // contains the event, which is committed already. One that registered before and is the only one besides the
        // origin by the time of the fan-out is sent a hint in place of the frame that was not encoded.
        let interest = self.interest(space, origin);
        let (frame, second) = match interest {
            Interest::NoSubscribers => return,
            // The event still has to pass the sequencer: it moves the cursor that the next event continues.
            Interest::OriginOnly => (None, None),
            Interest::Subscribers => {
                let (frame, second) = event.encode();
                (Some(frame), second)
            }
        };
        let broadcast = Broadcast { frame, second, origin };
        let step = Step { prev: event.prev(), cursor: position.cursor, event: broadcast };
        self.deliver(space, |channel, context| channel.publish(step, position, context));
    }

    fn interest(&self, space: SpaceId, origin: Option<less_sync_core::ConnectionId>) -> Interest {
        let shard = self.shard(space);
        shard.channel(space).map_or(Interest::NoSubscribers, |channel| channel.interest(origin))
    }
}

/// Repair of gaps and of missed revocations, for the position check.
impl Broker {
    /// Tokens of the chains that authorize subscriptions, with their spaces.
    pub(crate) fn watched_tokens(&self) -> Vec<(SpaceId, Cid)> {
        let mut tokens = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            for (space, channel) in shard.channels() {
                tokens.extend(channel.watched_cids().into_iter().map(|cid| (space, cid)));
            }
        }
        tokens
    }

    /// Publishes a revocation that another process has committed. Does nothing if no subscription rests on `cid` any more:
    /// the tokens of one chain may all be revoked, and the notice is due once.
    pub(crate) fn revoked_elsewhere(&self, space: SpaceId, cid: Cid) {
        let revocation = Revocation::new(cid, None);
        self.shard(space).update(space, &self.deps, |channel, context| {
            if channel.watched_cids().contains(&cid) {
                channel.revoke(&RevokedEvent { space, revocation, origin: None }, context);
            }
        });
    }

    /// Waits for reported gaps. Returns those that still exist, with the position that is committed and not delivered.
    pub(crate) async fn gaps(&self) -> Vec<(SpaceId, Position)> {
        let reported = self.gaps.take_all().await;
        reported.into_iter().filter_map(|space| Some((space, self.take_gap(space)?))).collect()
    }

    fn take_gap(&self, space: SpaceId) -> Option<Position> {
        self.shard(space).update(space, &self.deps, |channel, _| channel.take_gap()).flatten()
    }

    /// Sends a pull hint for whatever was committed up to `position` and not delivered. False if nothing is missing.
    pub(crate) fn repair(&self, space: SpaceId, position: Position) -> bool {
        self.deliver(space, |channel, context| channel.repair(position, context)).unwrap_or(false)
    }
}
