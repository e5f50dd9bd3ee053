//! Broker: live subscriptions of connections to spaces, and fan-out of events to them (protocol §2.6, §4.19, §6.2).
//!
//! A subscription is registered *before* the state in its response is read, and buffers its events until that response has
//! been written, so no mutation falls between the two. From then on each subscriber is sent every mutation of the space
//! once and in order, or a pull hint. The broker never waits for a connection: one that does not keep up is closed.
//!
//! Locks: spaces are spread over shards with one lock each. At most one shard is locked at a time, and the locks of
//! outboxes are taken inside of it, never the other way round. No lock is held across an await or while an event is
//! encoded for its subscribers.

mod authority;
mod channel;
mod confirmation;
mod deps;
mod durable_event;
mod fan_out;
mod gaps;
mod home_events;
mod notifications;
mod position;
mod publish;
mod read_rows;
mod remote;
mod sequencer;
mod settings;
mod shard;
mod subscriber;
mod subscribers;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{ConnectionId, Cursor, SpaceId, Timestamp};
use less_sync_engine::Clock;
use less_sync_engine::ports::{Deployment, EphemeralChange, EphemeralKind, PeerName, SingleNode};
use parking_lot::{Mutex, MutexGuard};

use crate::metrics::BrokerMetrics;
use crate::outbox::{AfterWrite, Outbox, PendingSubscription};
use crate::presence::{LinkOwner, PeerIds};
use crate::subscription_id::SubscriptionId;
use channel::{SpaceChannel, SubscriptionEnd};
pub use confirmation::{Confirmation, SubscriptionStart};
use deps::{Context, Deps};
use gaps::Gaps;
pub use position::Position;
pub(crate) use remote::RemoteStep;
pub(crate) use sequencer::Progress;
pub use settings::BrokerSettings;
use shard::Shard;

/// Number of shards: many more than cores, so that spaces seldom contend for a lock.
const SHARDS: usize = 64;

/// Live subscriptions, and fan-out of events to them.
pub struct Broker {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    deps: Deps,
    clock: Arc<dyn Clock>,
    gaps: Gaps,
}

impl Broker {
    /// A broker without subscriptions, of a deployment of a single node.
    #[must_use]
    pub fn new(settings: BrokerSettings, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::in_deployment(settings, clock, Arc::new(SingleNode))
    }

    /// A broker without subscriptions, which tells the other nodes of `deployment` what happens here.
    #[must_use]
    pub fn in_deployment(
        settings: BrokerSettings,
        clock: Arc<dyn Clock>,
        deployment: Arc<dyn Deployment>,
    ) -> Arc<Self> {
        let peer_ids = PeerIds::new(&settings.peer_id_secret);
        Arc::new(Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            deps: Deps { settings, metrics: Box::default(), peer_ids, deployment },
            clock,
            gaps: Gaps::default(),
        })
    }

    /// Metrics of this broker.
    #[must_use]
    pub fn metrics(&self) -> &BrokerMetrics {
        &self.deps.metrics
    }

    fn shard(&self, space: SpaceId) -> MutexGuard<'_, Shard> {
        let index = self.hasher.hash_one(space) % (SHARDS as u64);
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "a remainder is in range"
        )]
        self.shards[index as usize].lock()
    }

    /// Runs `operation`, which may deliver events, on the channel of `space`, and reports a new gap to the position check.
    /// None if the space has no subscriber.
    fn deliver<R>(
        &self,
        space: SpaceId,
        operation: impl FnOnce(&mut SpaceChannel, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let (result, has_gap) = self.shard(space).update(space, &self.deps, |channel, context| {
            let result = operation(channel, context);
            (result, channel.report_gap())
        })?;
        // Outside of the lock of the shard: the report wakes the position check, which takes that lock.
        if has_gap {
            self.gaps.report(space);
        }
        Some(result)
    }
}

/// Subscriptions.
impl Broker {
    /// Registers `connection` as a pending subscriber of `space` whose events are buffered. To be called before the state
    /// in the response is read. A subscription that exists buffers its events anew, and stays confirmed.
    #[must_use]
    pub fn register(&self, space: SpaceId, connection: ConnectionId, outbox: &Arc<Outbox>) -> SubscriptionId {
        self.shard(space).register(space, connection, outbox, &self.deps)
    }

    /// Confirms the registration `id`: it is authorized, and its response shows the state of `start`. Buffered events that
    /// are part of that state are discarded.
    pub fn confirm(
        &self,
        space: SpaceId,
        connection: ConnectionId,
        id: SubscriptionId,
        start: impl Into<SubscriptionStart>,
    ) -> Confirmation {
        let start = start.into();
        let confirm = |channel: &mut SpaceChannel, context: &mut Context<'_>| {
            channel.confirm(connection, id, start, context)
        };
        self.deliver(space, confirm).unwrap_or(Confirmation::Superseded)
    }

    /// Activates the registration `id`, whose response has been handed to the socket: queues the buffered events in order,
    /// or one pull hint in their place, and passes events on from now on. Does nothing if the registration was superseded or
    /// never confirmed.
    pub fn activate(&self, space: SpaceId, connection: ConnectionId, id: SubscriptionId) {
        self.shard(space).update(space, &self.deps, |channel, context| {
            channel.activate(connection, id, context);
        });
    }

    /// Carries out the deferred effects of a response to `connection` that has been handed to the socket: activates its
    /// subscriptions, then queues the ephemeral frames that exceeded the response.
    pub fn response_written(&self, after: AfterWrite, connection: ConnectionId) {
        for PendingSubscription { space, id } in after.subscriptions {
            self.activate(space, connection, id);
        }
        // After the activations: a subscription that still buffers drops ephemeral frames.
        for (space, frame) in after.ephemeral {
            self.send_ephemeral(space, connection, frame);
        }
    }

    /// Ends the subscriptions of `connection` to `spaces`, whose authorization has ended, with their presence. One
    /// `resubscribe` notification names all that were live; those with an outstanding response follow it.
    pub fn end_subscriptions(&self, spaces: Vec<SpaceId>, connection: ConnectionId, outbox: &Outbox) {
        let mut removed = spaces;
        removed.retain(|space| {
            let farewell = || notifications::resubscribe(vec![*space]);
            let end = self
                .shard(*space)
                .update(*space, &self.deps, |channel, context| channel.end(connection, farewell, context));
            match end {
                Some(SubscriptionEnd::Removed) => true,
                Some(SubscriptionEnd::Deferred | SubscriptionEnd::NotSubscribed) | None => false,
            }
        });
        // Outside of the shards: only the connection itself could register again in between, and it is busy here.
        for space in &removed {
            outbox.purge(*space);
        }
        if !removed.is_empty() {
            outbox.durable(None, notifications::resubscribe(removed));
        }
    }

    /// Notifies a server of subscriptions that are about to expire (federation §10.5).
    pub(crate) fn warn_of_expiry(spaces: Vec<SpaceId>, outbox: &Outbox) {
        outbox.durable(None, notifications::resubscribe(spaces));
    }

    /// True if `connection` has a subscription to `space`, confirmed or not.
    pub(crate) fn is_registered(&self, space: SpaceId, connection: ConnectionId) -> bool {
        self.shard(space).channel(space).is_some_and(|channel| channel.is_registered(connection))
    }

    /// Removes a subscription with its presence and its queued events (protocol G4). False if there was none.
    pub fn unsubscribe(&self, space: SpaceId, connection: ConnectionId) -> bool {
        let removed = self
            .shard(space)
            .update(space, &self.deps, |channel, context| channel.unsubscribe(connection, context));
        removed.unwrap_or(false)
    }

    /// True if `connection` has a confirmed subscription to `space`: it may set presence and send events. A client need not
    /// wait for the response to be written.
    #[must_use]
    pub fn is_subscribed(&self, space: SpaceId, connection: ConnectionId) -> bool {
        self.shard(space).channel(space).is_some_and(|channel| channel.is_subscribed(connection))
    }

    /// Last second of the authorization of a server's subscription. `None`: there is no such subscription.
    pub(crate) fn forwarded_expiry(&self, space: SpaceId, connection: ConnectionId) -> Option<Timestamp> {
        self.shard(space).channel(space)?.forwarded_expiry(connection)
    }

    /// Cursor up to which everything was delivered, inclusive, for every space with a confirmed subscription.
    #[must_use]
    pub fn delivered_cursors(&self) -> Vec<(SpaceId, Cursor)> {
        let mut cursors = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            cursors
                .extend(shard.channels().filter_map(|(space, channel)| Some((space, channel.delivered()?))));
        }
        cursors
    }
}

/// Views of the operator.
impl Broker {
    /// Number of subscribers of each space that has one, in no particular order.
    #[must_use]
    pub fn watchers(&self) -> Vec<(SpaceId, usize)> {
        let mut watchers = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            watchers.extend(shard.channels().map(|(space, channel)| (space, channel.watchers())));
        }
        watchers
    }

    /// Number of subscribers of `space`.
    #[must_use]
    pub fn watchers_of(&self, space: SpaceId) -> usize {
        self.shard(space).channel(space).map_or(0, SpaceChannel::watchers)
    }
}

/// Presence and ephemeral events. Rejected ones are ignored silently (protocol §4.19). The functions return the number of
/// receivers.
impl Broker {
    /// Sets the presence of `connection` in `space` and announces it to the other subscribers.
    pub fn set_presence(&self, space: SpaceId, connection: ConnectionId, data: &[u8]) -> usize {
        if data.len() > self.deps.settings.presence_max_data {
            return 0;
        }
        let now = self.clock.instant();
        let set = self.shard(space).update(space, &self.deps, |channel, context| {
            channel.set_presence(connection, data, now, context)
        });
        set.unwrap_or(0)
    }

    /// Clears the presence of `connection` in `space`, if any, and announces that to the other subscribers.
    pub fn clear_presence(&self, space: SpaceId, connection: ConnectionId) -> usize {
        let cleared = self.shard(space).update(space, &self.deps, |channel, context| {
            channel.clear_presence(connection, Some(connection), context)
        });
        cleared.unwrap_or(0)
    }

    /// Receives presence, or an event, of the client with the pseudonym `peer` at a server, over the link `connection` (federation §15).
    pub(crate) fn receive_from_server(
        &self,
        space: SpaceId,
        connection: ConnectionId,
        (server, peer): (&str, PeerName),
        kind: EphemeralKind,
    ) -> usize {
        let (max_data, data) = match &kind {
            EphemeralKind::Present(data) => (self.deps.settings.presence_max_data, data.len()),
            EphemeralKind::Event(data) => (self.deps.settings.event_max_data, data.len()),
            EphemeralKind::Left => (0, 0),
        };
        if data > max_data {
            return 0;
        }
        let change =
            EphemeralChange { space, peer: self.deps.peer_ids.name_elsewhere(server, peer, space), kind };
        let owner = LinkOwner { link: connection, server: server.into() };
        let now = self.clock.instant();
        let received = self.shard(space).update(space, &self.deps, |channel, context| {
            channel.receive_from_server(change, owner, now, context)
        });
        received.unwrap_or(0)
    }

    /// Sends an ephemeral event of `connection` to the other subscribers of `space`.
    pub fn send_event(&self, space: SpaceId, connection: ConnectionId, data: &[u8]) -> usize {
        if data.len() > self.deps.settings.event_max_data {
            return 0;
        }
        self.shard(space).channel(space).map_or(0, |channel| channel.send_event(connection, data, &self.deps))
    }

    /// Presence of up to `max` peers in `space` other than `except`: peer id and data.
    #[must_use]
    pub fn peers(&self, space: SpaceId, except: ConnectionId, max: usize) -> Vec<(String, Bytes)> {
        self.peers_of_others(space, except, None, max)
    }

    /// As [`Self::peers`], without the clients of the server with the identity `server`, which is behind `except`.
    pub(crate) fn peers_of_others(
        &self,
        space: SpaceId,
        except: ConnectionId,
        server: Option<&str>,
        max: usize,
    ) -> Vec<(String, Bytes)> {
        let peers = self.shard(space).channel(space).map(|channel| channel.peers(except, server, max));
        // A single HMAC per peer, computed outside of the lock.
        let peer_id = |presenter| self.deps.peer_ids.peer_id(presenter, space);
        peers.into_iter().flatten().map(|(presenter, data)| (peer_id(presenter), data)).collect()
    }

    /// Queues an ephemeral frame for one connection, if it has a live subscription to `space`.
    pub fn send_ephemeral(&self, space: SpaceId, connection: ConnectionId, frame: Bytes) {
        if let Some(channel) = self.shard(space).channel(space) {
            channel.send_ephemeral(connection, frame);
        }
    }

    /// Removes stale presence entries and announces that to all subscribers. Costs as much as has expired, not as there is.
    pub fn sweep_presence(&self) {
        let Some(until) = self.clock.instant().checked_sub(self.deps.settings.presence_stale) else { return };
        for shard in &self.shards {
            // Locks once per entry, so that the expiry of a crowd delays no publisher.
            while shard.lock().expire_one(until, &self.deps) {}
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("settings", &self.deps.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
