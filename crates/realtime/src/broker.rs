//! Who watches what, and what they are told (protocol §2.6, §4.19, §6.2).
//!
//! A subscription is registered *before* the state it answers with is read, and its events are held back until that
//! answer is written: so nothing falls between the two. From then on each watcher is told every mutation of the space
//! once and in order, or that it has to pull. The broker never waits: a connection that does not keep up is closed.

mod appended;
mod audience;
mod ending;
mod file_changed;
mod gaps;
mod hint;
mod position_check;
mod sequencer;
mod shard;
mod start;
mod sweep;
mod sync;
mod watched;
mod watcher;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{ConnectionId, Cursor, SpaceId};
use less_sync_engine::{AppendedEvent, Clock, FileEvent, PushedEvent, RevokedEvent, SpaceEvent, SpaceEvents};
use parking_lot::{Mutex, MutexGuard};

use crate::limits::Limits;
use crate::metrics::BrokerMetrics;
use crate::outbox::{AfterWrite, Outbox, PendingSubscription};
use crate::presence::Pseudonyms;
use crate::subscription_id::SubscriptionId;
use ending::Ended;
use gaps::Gaps;
pub use hint::Position;
pub use position_check::PositionCheck;
use sequencer::Step;
use shard::{Context, Shard};
pub use start::{Confirmation, SubscriptionStart};
pub use sweep::PresenceSweep;
use watched::Surroundings;
use watcher::Broadcast;

/// Locks among which the spaces are spread.
const SHARDS: usize = 64;

/// Events held back per watcher whose response is not written yet (protocol §6.2).
const HELD_EVENTS: usize = 64;

/// Bounds of a broker, and its secret.
#[derive(Clone)]
pub struct BrokerSettings {
    /// Durable events held back per gated watcher; beyond it they are replaced by a pull hint.
    pub held_events: usize,
    /// Durable events per space that wait for an earlier one. Beyond it they are replaced by a pull hint, as they are
    /// beyond [`BrokerSettings::reordered_bytes`].
    pub reordered_events: usize,
    /// What the frames of those weigh together, in bytes.
    pub reordered_bytes: usize,
    /// Presence data, in bytes.
    pub presence_max_data: usize,
    /// Presence entries per space.
    pub presence_per_space: usize,
    /// Age at which a presence entry is stale.
    pub presence_stale: Duration,
    /// Event data, in bytes.
    pub event_max_data: usize,
    /// Random, new for every process (auth §4.4).
    pub pseudonym_secret: [u8; 32],
}

impl BrokerSettings {
    /// The settings within `limits`, with a random secret.
    #[must_use]
    pub fn new(limits: &Limits, pseudonym_secret: [u8; 32]) -> Self {
        Self {
            held_events: HELD_EVENTS,
            // Half of what the queue of a watcher takes: what is held goes out all at once.
            reordered_events: limits.event_queue / 2,
            reordered_bytes: limits.queue_bytes / 2,
            presence_max_data: limits.presence_max_data,
            presence_per_space: limits.presence_per_space,
            presence_stale: limits.presence_stale,
            event_max_data: limits.event_max_data,
            pseudonym_secret,
        }
    }
}

impl fmt::Debug for BrokerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerSettings")
            .field("held_events", &self.held_events)
            .field("presence_per_space", &self.presence_per_space)
            .field("presence_stale", &self.presence_stale)
            .finish_non_exhaustive()
    }
}

/// Takes what happens in spaces to whoever watches them.
pub struct Broker {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    settings: BrokerSettings,
    clock: Arc<dyn Clock>,
    pseudonyms: Pseudonyms,
    metrics: BrokerMetrics,
    gaps: Gaps,
}

impl Broker {
    /// A broker that nobody uses yet.
    #[must_use]
    pub fn new(settings: BrokerSettings, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            pseudonyms: Pseudonyms::new(&settings.pseudonym_secret),
            settings,
            clock,
            metrics: BrokerMetrics::default(),
            gaps: Gaps::default(),
        })
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &BrokerMetrics {
        &self.metrics
    }

    fn shard(&self, space: SpaceId) -> MutexGuard<'_, Shard> {
        let place = self.hasher.hash_one(space) % (SHARDS as u64);
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "a remainder is in range"
        )]
        self.shards[place as usize].lock()
    }

    fn context(&self) -> Context<'_> {
        let around = Surroundings { settings: &self.settings, metrics: &self.metrics };
        Context { around, pseudonyms: &self.pseudonyms }
    }
}

/// Subscriptions.
impl Broker {
    /// Registers `connection` as a watcher of `space`, its events held back. Call this before reading the state that
    /// the response will show. On a subscription that exists already, events are held back anew; its right to speak
    /// stays.
    #[must_use]
    pub fn register(&self, space: SpaceId, connection: ConnectionId, outbox: &Arc<Outbox>) -> SubscriptionId {
        self.shard(space).watch(space, connection, outbox, self.context())
    }

    /// The watcher may watch, and its response will show where it starts. Held events that are part of that are
    /// dropped. When the answer is [`Confirmation::Stale`], nothing has changed, and the watcher has to be registered and
    /// authorized anew.
    pub fn confirm(
        &self,
        space: SpaceId,
        connection: ConnectionId,
        generation: SubscriptionId,
        start: impl Into<SubscriptionStart>,
    ) -> Confirmation {
        let mut shard = self.shard(space);
        let settled = shard.settle(space, connection, generation, start.into(), self.context());
        self.watch_gap(shard, space);
        settled
    }

    /// The response has been handed to the socket: queues what was held back, in order, or one pull hint in its place,
    /// and passes events on from now on. Does nothing when a newer gate stands, or when the watcher never settled.
    pub fn activate(&self, space: SpaceId, connection: ConnectionId, generation: SubscriptionId) {
        self.shard(space).open(space, connection, generation, self.context());
    }

    /// Carries out the actions that a response to `connection` makes possible, now that the response has been handed to
    /// the socket: its subscriptions go live first, then the ephemeral frames that did not fit the response follow.
    pub fn response_written(&self, after: AfterWrite, connection: ConnectionId) {
        for PendingSubscription { space, id } in after.subscriptions {
            self.activate(space, connection, id);
        }
        for (space, frame) in after.ephemeral {
            self.send_ephemeral(space, connection, frame);
        }
    }

    /// The rights by which `connection` watches `spaces` have ended: it is told to subscribe again, and what it watched
    /// there is gone with its presence. Whoever still waits for a response is told right after it.
    pub fn end_subscriptions(&self, spaces: Vec<SpaceId>, connection: ConnectionId, outbox: &Outbox) {
        let mut gone = spaces;
        gone.retain(|space| {
            let farewell = || ending::resubscribe(vec![*space]);
            let ended = self.shard(*space).end(*space, connection, farewell, self.context());
            matches!(ended, Some(Ended::Now))
        });
        for space in &gone {
            outbox.purge(*space);
        }
        if !gone.is_empty() {
            outbox.durable(None, ending::resubscribe(gone));
        }
    }

    /// Ends a subscription: its presence goes, the others are told, its queued events are dropped (protocol G4).
    /// False when there was none.
    pub fn unsubscribe(&self, space: SpaceId, connection: ConnectionId) -> bool {
        self.shard(space).unwatch(space, connection, self.context())
    }

    /// Whether `connection` has a subscription to `space` by whose right it may speak there. True from
    /// [`confirm`](Self::confirm) on: a client need not wait for the response to be written.
    #[must_use]
    pub fn is_subscribed(&self, space: SpaceId, connection: ConnectionId) -> bool {
        self.shard(space).is_settled(space, connection)
    }

    /// Up to where everything has been delivered, for every watched space.
    #[must_use]
    pub fn delivered_cursors(&self) -> Vec<(SpaceId, Cursor)> {
        let mut watched = Vec::new();
        for shard in &self.shards {
            watched.extend(shard.lock().positions());
        }
        watched
    }
}

/// Presence and events: everything here is silent when it is rejected (protocol §4.19).
impl Broker {
    /// Notes what `connection` says about itself and tells the others.
    pub fn set_presence(&self, space: SpaceId, connection: ConnectionId, data: &[u8]) {
        if data.len() <= self.settings.presence_max_data {
            let now = self.clock.instant();
            self.shard(space).set_presence(space, connection, data, now, self.context());
        }
    }

    /// Takes it back and tells the others, if there was anything.
    pub fn clear_presence(&self, space: SpaceId, connection: ConnectionId) {
        self.shard(space).clear_presence(space, connection, Some(connection), self.context());
    }

    /// Tells the others something, once.
    pub fn send_event(&self, space: SpaceId, connection: ConnectionId, data: &[u8]) {
        if data.len() <= self.settings.event_max_data {
            self.shard(space).send_event(space, connection, data, self.context());
        }
    }

    /// Up to `max` peers present in `space` other than `except`: pseudonym and data.
    #[must_use]
    pub fn peers(&self, space: SpaceId, except: ConnectionId, max: usize) -> Vec<(String, Bytes)> {
        let others = self.shard(space).others(space, except, max);
        others.into_iter().map(|(connection, data)| (self.pseudonyms.name(connection, space), data)).collect()
    }

    /// Queues an ephemeral frame with one watcher, if it still watches.
    pub fn send_ephemeral(&self, space: SpaceId, connection: ConnectionId, frame: Bytes) {
        self.shard(space).tell(space, connection, frame);
    }

    /// Removes every presence entry that is stale and tells all watchers. Costs what has expired, not what is there.
    pub fn sweep_presence(&self) {
        let Some(until) = self.clock.instant().checked_sub(self.settings.presence_stale) else { return };
        for shard in &self.shards {
            // The lock is given back in between: a crowd that leaves holds up nobody.
            while shard.lock().expire_one(until, self.context()) {}
        }
    }
}

/// Repairs.
impl Broker {
    /// Tells whoever looks for gaps, if there is one that it does not know of.
    fn watch_gap(&self, mut shard: MutexGuard<'_, Shard>, space: SpaceId) {
        let news = shard.note_gap(space);
        drop(shard);
        if news {
            self.gaps.note(space);
        }
    }

    /// Waits for spaces in which something committed is known to be missing; answers what is.
    async fn gaps(&self) -> Vec<(SpaceId, Position)> {
        let noted = self.gaps.noted().await;
        noted.into_iter().filter_map(|space| Some((space, self.shard(space).take_gap(space)?))).collect()
    }

    /// Hints at whatever was committed up to `position` and not delivered. False when nothing is missing.
    fn repair(&self, space: SpaceId, position: Position) -> bool {
        let mut shard = self.shard(space);
        let repaired = shard.repair(space, position, self.context());
        self.watch_gap(shard, space);
        repaired
    }

    fn pushed(&self, event: &PushedEvent) {
        let PushedEvent { space, prev, cursor, origin, .. } = *event;
        // Whoever subscribes after this look reads a state that contains the push.
        let Some(wanted) = self.shard(space).wants_frame(space, Some(origin)) else { return };
        let frame = wanted.then(|| sync::encode(event));
        let second = wanted.then(|| file_changed::encode_deleted(event)).flatten();
        let step = Step { prev, cursor, event: Broadcast { frame, second, origin: Some(origin) } };
        self.step(space, step, sync::position(event));
    }

    fn appended(&self, event: &AppendedEvent) {
        let AppendedEvent { space, prev, origin, .. } = *event;
        let Some(wanted) = self.shard(space).wants_frame(space, Some(origin)) else { return };
        let frame = wanted.then(|| appended::encode(space, &event.entry));
        let step = Step {
            prev,
            cursor: event.entry.cursor,
            event: Broadcast { frame, second: None, origin: Some(origin) },
        };
        self.step(space, step, appended::position(event));
    }

    fn file_changed(&self, event: &FileEvent) {
        let FileEvent { space, prev, .. } = *event;
        let Some(wanted) = self.shard(space).wants_frame(space, None) else { return };
        let frame = wanted.then(|| file_changed::encode(space, &event.file));
        let step =
            Step { prev, cursor: event.file.cursor, event: Broadcast { frame, second: None, origin: None } };
        self.step(space, step, file_changed::position(event));
    }

    fn step(&self, space: SpaceId, step: Step<Broadcast>, position: Position) {
        let mut shard = self.shard(space);
        shard.publish(space, step, position, self.context());
        self.watch_gap(shard, space);
    }

    fn revoked(&self, event: &RevokedEvent) {
        self.shard(event.space).revoke(event, self.context());
    }
}

impl SpaceEvents for Broker {
    fn publish(&self, event: SpaceEvent) {
        match event {
            SpaceEvent::Pushed(pushed) => self.pushed(&pushed),
            SpaceEvent::Appended(appended) => self.appended(&appended),
            SpaceEvent::FileChanged(changed) => self.file_changed(&changed),
            SpaceEvent::Revoked(revoked) => self.revoked(&revoked),
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
