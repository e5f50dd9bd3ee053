//! Channel of one space: order of its events, its subscribers, their presence.
//!
//! A channel exists while its space has a subscriber. All methods run under the lock of the shard.

mod elsewhere;
mod home;
mod presence;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{Cid, ConnectionId, Cursor, Epoch, SpaceId, Timestamp};
use less_sync_engine::{HomeHandle, RevokedEvent};

use super::authority::Effect;
use super::confirmation::{Confirmation, SubscriptionStart};
use super::deps::Context;
use super::durable_event::{Broadcast, Interest};
use super::fan_out::{FanOut, FanOutOutcome};
use super::notifications;
use super::position::Position;
use super::sequencer::{Delivery, Progress, ReorderLimits, Sequencer, Step};
use super::settings::BrokerSettings;
use super::subscriber::{Activation, EndOutcome, Subscriber};
use super::subscribers::Subscribers;
use crate::outbox::Outbox;
use crate::presence::{PresenceSet, Presenter};
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
    /// Peers on other nodes whose presence came while a subscriber was not live yet.
    late_peers: Vec<Presenter>,
    /// Server that holds the space; `None`: this one.
    home: Option<HomeHandle>,
    /// True while missing changes are read from the home.
    is_catching_up: bool,
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
            late_peers: Vec::new(),
            home: None,
            is_catching_up: false,
        }
    }

    /// True if the channel has no subscriber and is to be freed.
    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Number of subscribers, those included whose response is outstanding.
    pub(super) fn watchers(&self) -> usize {
        self.subscribers.len()
    }

    /// Connections of all subscribers, with their outboxes.
    pub(super) fn connections(&self) -> Vec<(ConnectionId, Arc<Outbox>)> {
        self.subscribers.iter().map(|subscriber| (subscriber.connection, subscriber.outbox.clone())).collect()
    }

    /// Last second of the authorization of a server's subscription; none without one.
    pub(super) fn forwarded_expiry(&self, connection: ConnectionId) -> Option<Timestamp> {
        let subscriber = self.subscribers.find(connection).filter(|subscriber| subscriber.is_confirmed())?;
        subscriber.authority()?.forwarded_expiry()
    }

    /// True if `connection` has a subscription, confirmed or not.
    pub(super) fn is_registered(&self, connection: ConnectionId) -> bool {
        self.subscribers.find(connection).is_some()
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
            Activation::Activated => {
                self.finish(fan_out, context);
                self.send_late_peers(connection, context.deps);
            }
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
        let mut ends_member = false;
        self.subscribers.each_chain(|chain| ends_member |= revocation.identifies_member(chain));
        for subscriber in self.subscribers.iter_mut() {
            let is_origin = Some(subscriber.connection) == event.origin;
            // G5 exempts the origin from the notice about its own revocation, but its subscription ends all the same.
            let farewell = match subscriber.revoke(revocation, ends_member) {
                Effect::ServerLost => notifications::membership_removed(self.space),
                Effect::UserLost if is_origin => notifications::resubscribe(vec![self.space]),
                Effect::UserLost => notice.clone(),
                Effect::Retained if is_origin => continue,
                Effect::Retained => {
                    subscriber.notify_revoked(notice.clone(), &mut fan_out);
                    continue;
                }
            };
            ended.push((subscriber.connection, subscriber.end(self.space, farewell)));
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
            EndOutcome::Deferred => self.clear_presence_of(connection, context),
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
            self.after_removal(connection, context);
        }
        removed
    }
}

impl SpaceChannel {
    fn after_removal(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        context.deps.metrics.subscriptions.dec();
        self.clear_presence_of(connection, context);
        if let Some(home) = &self.home {
            home.unwatch(self.space, connection);
        }
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

    /// Notes that a change is committed. True if it was not delivered; false before the first confirmation, which finds out.
    pub(super) fn note_committed(&mut self, cursor: Cursor) -> bool {
        self.sequencer.note_committed(cursor);
        self.sequencer.gap().is_some()
    }

    /// Marks a gap as reported. True if there is one that was not reported before.
    pub(super) fn report_gap(&mut self) -> bool {
        let has_gap = !self.is_catching_up && self.sequencer.gap().is_some();
        has_gap && !std::mem::replace(&mut self.gap_reported, true)
    }

    /// Current gap, if any: the newest position that is committed and not delivered. It may be reported again.
    pub(super) fn take_gap(&mut self) -> Option<Position> {
        self.gap_reported = false;
        if self.is_catching_up {
            return None;
        }
        self.sequencer.gap().map(|cursor| Position { cursor, ..self.newest })
    }

    /// CIDs of the chains that authorize subscriptions, each once.
    pub(super) fn watched_cids(&self) -> BTreeSet<Cid> {
        let mut cids = BTreeSet::new();
        self.subscribers.each_chain(|chain| cids.extend(chain.cids()));
        cids
    }

    /// Cursor up to which everything was delivered, inclusive; none until a subscription was confirmed.
    pub(super) fn delivered(&self) -> Option<Cursor> {
        self.sequencer.delivered()
    }

    /// Deliveries so far; none until a subscription was confirmed.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.sequencer.progress()
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
                    self.after_removal(connection, context);
                }
            }
        }
    }
}
