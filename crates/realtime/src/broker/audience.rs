//! The watchers of one space.

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{ConnectionId, Cursor, SpaceId};

use super::hint::Hints;
use super::sequencer::Delivery;
use super::watcher::{Broadcast, Watcher};
use crate::metrics::BrokerMetrics;
use crate::outbox::{Delivered, Outbox};
use crate::subscription_id::SubscriptionId;

/// Who watches, ordered by connection: cheap to hold for one, quick to search and to walk for a thousand.
#[derive(Debug, Default)]
pub(super) struct Audience {
    watchers: Vec<Watcher>,
}

/// What became of the events of one fan-out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    queued: u64,
    displaced: u64,
    too_slow: u64,
    closed: u64,
}

impl Tally {
    pub(super) fn add(&mut self, delivered: Delivered) {
        match delivered {
            Delivered::Queued => self.queued += 1,
            Delivered::Displaced => {
                self.queued += 1;
                self.displaced += 1;
            }
            Delivered::TooSlow => self.too_slow += 1,
            Delivered::Closed => self.closed += 1,
        }
    }

    /// Whether some watcher turned out to be closing.
    pub(super) fn lost_watchers(self) -> bool {
        self.too_slow + self.closed > 0
    }

    pub(super) fn count_durable(self, metrics: &BrokerMetrics) {
        metrics.durable_delivered.add(self.queued);
        metrics.slow_consumers.add(self.too_slow);
    }

    fn count_ephemeral(self, metrics: &BrokerMetrics) {
        metrics.ephemeral_delivered.add(self.queued);
        metrics.ephemeral_dropped.add(self.displaced);
    }
}

impl Audience {
    pub(super) fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    pub(super) fn find(&self, connection: ConnectionId) -> Option<&Watcher> {
        self.watchers.get(self.place(connection).ok()?)
    }

    pub(super) fn find_mut(&mut self, connection: ConnectionId) -> Option<&mut Watcher> {
        let place = self.place(connection).ok()?;
        self.watchers.get_mut(place)
    }

    /// Registers a watcher whose gate is closed, or closes the gate of one that is registered. True when it is new.
    pub(super) fn join(
        &mut self,
        connection: ConnectionId,
        outbox: &Arc<Outbox>,
        generation: SubscriptionId,
        revocations: u64,
    ) -> bool {
        match self.place(connection) {
            Ok(_) => {
                if let Some(watcher) = self.find_mut(connection) {
                    watcher.close_gate(generation, revocations);
                }
                false
            }
            Err(place) => {
                if self.watchers.capacity() == 0 {
                    // Most spaces have one or two watchers; room for four would be wasted on them.
                    self.watchers.reserve_exact(1);
                }
                let watcher = Watcher::new(connection, outbox.clone(), generation, revocations);
                self.watchers.insert(place, watcher);
                true
            }
        }
    }

    pub(super) fn leave(&mut self, connection: ConnectionId) -> Option<Watcher> {
        let watcher = self.watchers.remove(self.place(connection).ok()?);
        self.give_back();
        Some(watcher)
    }

    /// Removes the watchers whose connection is closing.
    pub(super) fn drop_closing(&mut self) -> Vec<ConnectionId> {
        let closing = |watcher: &mut Watcher| watcher.outbox.closing().is_some();
        let dropped = self.watchers.extract_if(.., closing).map(|watcher| watcher.connection).collect();
        self.give_back();
        dropped
    }

    /// Whether an event of `origin` has anybody to go to.
    pub(super) fn anyone_but(&self, origin: Option<ConnectionId>) -> bool {
        self.watchers.iter().any(|watcher| Some(watcher.connection) != origin)
    }

    /// Passes a delivery on to everybody.
    pub(super) fn deliver(
        &mut self,
        delivery: &Delivery<Broadcast>,
        held: usize,
        hints: &mut Hints,
        tally: &mut Tally,
    ) {
        for watcher in &mut self.watchers {
            if let Some(delivered) = watcher.receive(delivery, held, hints) {
                tally.add(delivered);
            }
        }
    }

    /// Queues an ephemeral event with every live watcher except one. Encodes it if there is any.
    pub(super) fn tell(
        &self,
        space: SpaceId,
        except: Option<ConnectionId>,
        metrics: &BrokerMetrics,
        encode: impl FnOnce() -> Bytes,
    ) {
        let mut listening = self
            .watchers
            .iter()
            .filter(|watcher| Some(watcher.connection) != except && watcher.is_live())
            .peekable();
        if listening.peek().is_none() {
            return;
        }
        let frame = encode();
        let mut tally = Tally::default();
        listening.for_each(|watcher| tally.add(watcher.outbox.ephemeral(space, frame.clone())));
        tally.count_ephemeral(metrics);
    }

    /// Opens the gate of `connection`. `None` when the watcher's right has ended: it is gone.
    pub(super) fn open(
        &mut self,
        connection: ConnectionId,
        generation: SubscriptionId,
        delivered: Option<Cursor>,
        hints: &mut Hints,
    ) -> Option<Tally> {
        let mut tally = Tally::default();
        if let Some(watcher) = self.find_mut(connection) {
            watcher.open(generation, delivered, hints)?.into_iter().for_each(|each| tally.add(each));
        }
        Some(tally)
    }

    /// Everybody.
    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Watcher> {
        self.watchers.iter_mut()
    }

    fn place(&self, connection: ConnectionId) -> Result<usize, usize> {
        self.watchers.binary_search_by_key(&connection, |watcher| watcher.connection)
    }

    fn give_back(&mut self) {
        if self.watchers.capacity() > 4 * self.watchers.len() {
            self.watchers.shrink_to(2 * self.watchers.len());
        }
    }
}
