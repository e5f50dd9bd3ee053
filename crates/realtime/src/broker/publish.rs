//! Publication of events to the subscribers of their spaces, and repair of gaps.

use less_sync_core::{Cid, SpaceId};
use less_sync_engine::{Revocation, RevokedEvent, SpaceEvent, SpaceEvents};

use super::Broker;
use super::channel::SpaceChannel;
use super::durable_event::{Broadcast, DurableEvent, Interest};
use super::position::Position;
use super::remote;
use super::sequencer::Step;

impl SpaceEvents for Broker {
    fn publish(&self, event: SpaceEvent) {
        match event {
            SpaceEvent::Pushed(pushed) => self.publish_durable(&pushed),
            SpaceEvent::Appended(appended) => self.publish_durable(&appended),
            SpaceEvent::FileChanged(changed) => self.publish_durable(&changed),
            SpaceEvent::Revoked(revoked) => {
                let space = revoked.space;
                self.deps.deployment.revoked(space, &revoked.revocation);
                self.shard(space).update(space, &self.deps, |channel, context| {
                    channel.revoke(&revoked, context);
                });
            }
            SpaceEvent::Purged(space) => {
                self.deps.deployment.purged(space);
                self.end_all_subscriptions(space);
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
        let is_wanted_elsewhere = self.deps.deployment.max_event() > event.min_len();
        let (frame, second) = match interest {
            Interest::Subscribers => event.encoded(),
            Interest::NoSubscribers | Interest::OriginOnly if is_wanted_elsewhere => event.encoded(),
            // The event still has to pass the sequencer: it moves the cursor that the next event continues.
            Interest::NoSubscribers | Interest::OriginOnly => (None, None),
        };
        if self.deps.deployment.has_others() {
            let prev = event.prev();
            self.deps.deployment.changed(remote::change(
                space,
                prev,
                position,
                frame.clone(),
                second.clone(),
            ));
        }
        if interest == Interest::NoSubscribers {
            return;
        }
        let broadcast = Broadcast { frame, second, origin };
        let step = Step { prev: event.prev(), cursor: position.cursor, event: broadcast };
        self.deliver(space, |channel, context| channel.publish(step, position, context));
    }

    /// Ends all subscriptions to a space that is being removed.
    pub(super) fn end_all_subscriptions(&self, space: SpaceId) {
        let subscribers = self.shard(space).channel(space).map(SpaceChannel::connections).unwrap_or_default();
        for (connection, outbox) in subscribers {
            self.end_subscriptions(vec![space], connection, &outbox);
        }
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
