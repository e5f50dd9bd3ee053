//! Channel of one space: order of its events, its subscribers, their presence.
//!
//! A channel exists while its space has a subscriber. All methods run under the lock of the shard.

mod presence;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Cid, ConnectionId, Cursor, Epoch, SpaceId};
use less_sync_engine::RevokedEvent;

use super::confirmation::{Confirmation, SubscriptionStart};
use super::deps::Context;
use super::durable_event::{Broadcast, Interest};
use super::fan_out::{FanOut, FanOutOutcome};
use super::notifications;
use super::position::Position;
use super::sequencer::{Delivery, ReorderLimits, Sequencer, Step};
use super::settings::BrokerSettings;
use super::subscriber::{Activation, EndOutcome, Subscriber};
use super::subscribers::Subscribers;
use crate::outbox::Outbox;
use crate::presence::PresenceSet;
use crate::subscription_id::SubscriptionId;

/// Channel of one space.
#[derive(Debug)]
pub(super) struct SpaceChannel {
    space: SpaceId,
    sequencer: Sequencer<Broadcast>,
    subscribers: Subscribers,
    presence: PresenceSet,
    /// Newest known position of the space.
    newest: Position,
    /// A gap was reported to the position check, which has not picked it up yet.
    gap_reported: bool,
    /// Revocations in the space since the channel exists.
    revocations: u64,
}

/// Outcome of [`SpaceChannel::end`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionEnd {
    /// The subscription was live and is removed; the connection has to be notified.
    Removed,
    /// The notification follows the outstanding response.
    Deferred,
    /// The connection has no subscription that could end.
    NotSubscribed,
}

impl SpaceChannel {
    pub(super) fn new(space: SpaceId) -> Self {
        Self {
            space,
            sequencer: Sequencer::default(),
            subscribers: Subscribers::default(),
            presence: PresenceSet::default(),
            newest: Position { cursor: Cursor::ZERO, key_generation: Epoch::FIRST, rewrap_epoch: None },
            gap_reported: false,
            revocations: 0,
        }
    }

    /// True if the channel has no subscriber and is to be freed.
    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// True if `connection` has a confirmed subscription whose authorization has not ended.
    pub(super) fn is_subscribed(&self, connection: ConnectionId) -> bool {
        self.subscribers.find(connection).is_some_and(Subscriber::is_confirmed)
    }
}

/// Life cycle of subscriptions.
impl SpaceChannel {
    pub(super) fn register(
        &mut self,
        connection: ConnectionId,
        outbox: &Arc<Outbox>,
        id: SubscriptionId,
        context: &Context<'_>,
    ) {
        if self.subscribers.register(connection, outbox, id, self.revocations) {
            context.deps.metrics.subscriptions.inc();
        }
    }

    pub(super) fn confirm(
        &mut self,
        connection: ConnectionId,
        id: SubscriptionId,
        start: SubscriptionStart,
        context: &mut Context<'_>,
    ) -> Confirmation {
        let position = start.position;
        let confirmation = match self.subscribers.find_mut(connection) {
            Some(subscriber) => subscriber.confirm(id, start, self.revocations),
            None => Confirmation::Superseded,
        };
        match confirmation {
            // Only after the subscriber was confirmed: what the start releases has to reach its buffer, beyond its state.
            Confirmation::Confirmed => {
                self.advance_newest(position);
                self.fan_out(context, |sequencer, deliver| sequencer.start(position.cursor, deliver));
            }
            Confirmation::Stale | Confirmation::Superseded => {}
        }
        confirmation
    }

    pub(super) fn activate(
        &mut self,
        connection: ConnectionId,
        id: SubscriptionId,
        context: &mut Context<'_>,
    ) {
        let Some(subscriber) = self.subscribers.find_mut(connection) else { return };
        let mut fan_out = FanOut::new(self.space, self.newest, context.deps);
        match subscriber.activate(id, self.sequencer.delivered(), &mut fan_out) {
            Activation::Activated => self.finish(fan_out, context),
            Activation::Unchanged => {}
            Activation::Ended => {
                self.remove(connection, context);
            }
        }
    }

    /// Notifies all subscribers but the origin of a revocation, and ends the subscriptions whose chain is revoked. If the
    /// revocation names a member who watches by a chain with the revoked token, all their other subscriptions end too.
    pub(super) fn revoke(&mut self, event: &RevokedEvent, context: &mut Context<'_>) {
        // Subscribers that are being authorized compare this count, see `Subscriber::confirm`.
        self.revocations += 1;
        let notice = notifications::revoked(self.space);
        let mut fan_out = FanOut::new(self.space, self.newest, context.deps);
        let mut ended = Vec::new();
        let revocation = &event.revocation;
        let ends_member = self.subscribers.chains().any(|chain| revocation.identifies_member(chain));
        let ends = |chain: &VerifiedChain| {
            revocation.revokes(chain) || (ends_member && revocation.names_audience_of(chain))
        };
        for subscriber in self.subscribers.iter_mut() {
            let is_origin = Some(subscriber.connection) == event.origin;
            if subscriber.chain().is_some_and(ends) {
                // G5 exempts the origin from the notice about its own revocation, but its subscription ends all the same.
                let farewell =
                    if is_origin { notifications::resubscribe(vec![self.space]) } else { notice.clone() };
                ended.push((subscriber.connection, subscriber.end(self.space, farewell)));
            } else if !is_origin {
                subscriber.notify_revoked(notice.clone(), &mut fan_out);
            }
        }
        self.finish(fan_out, context);
        for (connection, outcome) in ended {
            self.after_end(connection, outcome, context);
        }
    }

    /// Ends the subscription of `connection`. `farewell` encodes its last notification, in case it has to follow an
    /// outstanding response; a live subscription is removed without, so that the caller can notify of many at once.
    pub(super) fn end(
        &mut self,
        connection: ConnectionId,
        farewell: impl FnOnce() -> Bytes,
        context: &mut Context<'_>,
    ) -> SubscriptionEnd {
        let Some(subscriber) = self.subscribers.find_mut(connection) else {
            return SubscriptionEnd::NotSubscribed;
        };
        if !subscriber.is_confirmed() {
            return SubscriptionEnd::NotSubscribed;
        }
        if subscriber.is_live() {
            self.remove(connection, context);
            return SubscriptionEnd::Removed;
        }
        let outcome = subscriber.end(self.space, farewell());
        self.after_end(connection, outcome, context);
        SubscriptionEnd::Deferred
    }

    fn after_end(&mut self, connection: ConnectionId, outcome: EndOutcome, context: &mut Context<'_>) {
        match outcome {
            EndOutcome::Ended => {
                self.remove(connection, context);
            }
            // The subscriber stays for its response, but is absent to its peers from now on.
            EndOutcome::Deferred => self.clear_presence(connection, Some(connection), context),
            EndOutcome::NotConfirmed => {}
        }
    }

    /// Removes a subscriber with its presence and its queued events (protocol G4). False if it was not subscribed.
    pub(super) fn unsubscribe(&mut self, connection: ConnectionId, context: &mut Context<'_>) -> bool {
        if let Some(subscriber) = self.subscribers.find(connection) {
            // Under the lock of the shard, so that no fan-out queues another event between purge and removal.
            subscriber.outbox.purge(self.space);
        }
        self.remove(connection, context)
    }

    /// Removes a subscriber with its presence; its queued events stay queued. False if it was not subscribed.
    fn remove(&mut self, connection: ConnectionId, context: &mut Context<'_>) -> bool {
        let removed = self.subscribers.remove(connection);
        if removed {
            context.deps.metrics.subscriptions.dec();
            self.clear_presence(connection, Some(connection), context);
        }
        removed
    }
}

/// Durable events.
impl SpaceChannel {
    /// Subscribers that an event of `origin` would go to.
    pub(super) fn interest(&self, origin: Option<ConnectionId>) -> Interest {
        if self.subscribers.any_except(origin) { Interest::Subscribers } else { Interest::OriginOnly }
    }

    /// Publishes an event that led to `position`.
    pub(super) fn publish(&mut self, step: Step<Broadcast>, position: Position, context: &mut Context<'_>) {
        self.advance_newest(position);
        let BrokerSettings { reordered_events: events, reordered_bytes: bytes, .. } = context.deps.settings;
        let limits = ReorderLimits { events, bytes };
        self.fan_out(context, |sequencer, deliver| sequencer.accept(step, limits, deliver));
    }

    /// Sends a pull hint for whatever was committed up to `position` and not delivered. False if nothing is missing.
    pub(super) fn repair(&mut self, position: Position, context: &mut Context<'_>) -> bool {
        self.advance_newest(position);
        let mut repaired = false;
        self.fan_out(context, |sequencer, deliver| repaired = sequencer.repair(position.cursor, deliver));
        repaired
    }

    /// Marks a gap as reported. True if there is one that was not reported before.
    pub(super) fn report_gap(&mut self) -> bool {
        self.sequencer.gap().is_some() && !std::mem::replace(&mut self.gap_reported, true)
    }

    /// Current gap, if any: the newest position that is committed and not delivered. It may be reported again.
    pub(super) fn take_gap(&mut self) -> Option<Position> {
        self.gap_reported = false;
        self.sequencer.gap().map(|cursor| Position { cursor, ..self.newest })
    }

    /// CIDs of the chains that authorize subscriptions, each once.
    pub(super) fn watched_cids(&self) -> BTreeSet<Cid> {
        self.subscribers.chains().flat_map(|chain| chain.cids().iter().copied()).collect()
    }

    /// Cursor up to which everything was delivered, inclusive; none until a subscription was confirmed.
    pub(super) fn delivered(&self) -> Option<Cursor> {
        self.sequencer.delivered()
    }

    fn advance_newest(&mut self, position: Position) {
        // Events race: an older one must not take the key generation back.
        if position.cursor >= self.newest.cursor {
            self.newest = position;
        }
    }

    /// Delivers what `sequence` releases to all subscribers.
    fn fan_out(
        &mut self,
        context: &mut Context<'_>,
        sequence: impl FnOnce(&mut Sequencer<Broadcast>, &mut dyn FnMut(Delivery<Broadcast>)),
    ) {
        let mut fan_out = FanOut::new(self.space, self.newest, context.deps);
        let Self { sequencer, subscribers, .. } = self;
        sequence(sequencer, &mut |delivery| {
            for subscriber in subscribers.iter_mut() {
                subscriber.deliver(&delivery, &mut fan_out);
            }
        });
        self.finish(fan_out, context);
    }

    /// Removes subscribers whose connections turned out to be closing; the teardown of the connection then finds nothing.
    fn finish(&mut self, fan_out: FanOut<'_>, context: &mut Context<'_>) {
        match fan_out.finish() {
            FanOutOutcome::AllOpen => {}
            FanOutOutcome::SomeClosing => {
                for connection in self.subscribers.remove_closing() {
                    context.deps.metrics.subscriptions.dec();
                    self.clear_presence(connection, Some(connection), context);
                }
            }
        }
    }
}
