//! Connections by mailbox, and the notices that are on their way to them (protocol §4.11, auth P-7).
//!
//! A notice says only that there is something new, and comes some time after it: so that whoever watches the traffic of
//! a server cannot tell who wrote to whom. Mailboxes are known here by keyed hashes only, and only while somebody is
//! connected: who connects later asks by themselves.

mod notices;

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::wire::Empty;
use less_sync_core::wire::method;
use less_sync_core::{ConnectionId, MailboxId, frame};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::outbox::{Delivered, Outbox};
pub use notices::MailboxNotices;

/// Who is to be told of what arrives in which mailbox, and when.
pub(crate) struct Mailboxes {
    /// How long after the fact, at random.
    delay: RangeInclusive<Duration>,
    hasher: RandomState,
    state: Mutex<State>,
    /// There is a notice that whoever delivers them does not know of.
    noted: Notify,
}

#[derive(Default)]
struct State {
    seats: HashMap<u64, Seats>,
    /// What is pending: at most one notice per mailbox with a connection.
    due: BTreeSet<(Instant, u64)>,
}

/// The connections of one mailbox.
#[derive(Default)]
struct Seats {
    connections: Vec<(ConnectionId, Arc<Outbox>)>,
    notice_at: Option<Instant>,
}

/// What became of the notices that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Connections that were told.
    pub(crate) queued: u64,
    /// Connections that had no room and are closing.
    pub(crate) too_slow: u64,
}

impl Mailboxes {
    pub(crate) fn new(delay: RangeInclusive<Duration>) -> Self {
        Self { delay, hasher: RandomState::new(), state: Mutex::default(), noted: Notify::new() }
    }

    /// Keyed anew by every process, so that a dump names nobody.
    fn key(&self, mailbox: MailboxId) -> u64 {
        self.hasher.hash_one(mailbox)
    }

    /// From now on `connection` hears of what arrives in `mailbox`.
    pub(crate) fn attend(&self, mailbox: MailboxId, connection: ConnectionId, outbox: &Arc<Outbox>) {
        let key = self.key(mailbox);
        let mut state = self.state.lock();
        state.seats.entry(key).or_default().connections.push((connection, outbox.clone()));
    }

    /// From now on it does not. When it was the last one, nobody is left to be told.
    pub(crate) fn depart(&self, mailbox: MailboxId, connection: ConnectionId) {
        let key = self.key(mailbox);
        let mut state = self.state.lock();
        let Some(seats) = state.seats.get_mut(&key) else { return };
        seats.connections.retain(|(seated, _)| *seated != connection);
        if seats.connections.is_empty() {
            let pending = seats.notice_at;
            state.seats.remove(&key);
            if let Some(at) = pending {
                state.due.remove(&(at, key));
            }
        }
    }

    /// Something arrived in `mailbox`. A notice that is pending already stands for this one too.
    pub(crate) fn note(&self, mailbox: MailboxId, now: Instant) {
        let key = self.key(mailbox);
        let at = now + rand::random_range(self.delay.clone());
        let mut state = self.state.lock();
        let Some(seats) = state.seats.get_mut(&key) else { return };
        if seats.notice_at.is_some() {
            return;
        }
        seats.notice_at = Some(at);
        state.due.insert((at, key));
        drop(state);
        self.noted.notify_one();
    }

    /// When the next notice is due.
    fn next_due(&self) -> Option<Instant> {
        self.state.lock().due.first().map(|(at, _)| *at)
    }

    /// Sends the notices that are due by `now`.
    fn tell(&self, now: Instant) -> Told {
        let frame = frame::notification(method::INVITATION, &Empty);
        let mut told = Told::default();
        // The lock is given back in between, though a mailbox has few connections.
        while let Some(outboxes) = self.take_due(now) {
            for outbox in &outboxes {
                told.add(outbox, frame.clone());
            }
        }
        told
    }

    fn take_due(&self, now: Instant) -> Option<Vec<Arc<Outbox>>> {
        let mut state = self.state.lock();
        let (_, key) = state.due.first().copied().filter(|(at, _)| *at <= now)?;
        state.due.pop_first();
        let Some(seats) = state.seats.get_mut(&key) else { return Some(Vec::new()) };
        seats.notice_at = None;
        Some(seats.connections.iter().map(|(_, outbox)| outbox.clone()).collect())
    }
}

impl Told {
    fn add(&mut self, outbox: &Outbox, frame: Bytes) {
        match outbox.durable(None, frame) {
            Delivered::Queued | Delivered::Displaced => self.queued += 1,
            Delivered::TooSlow => self.too_slow += 1,
            Delivered::Closed => {}
        }
    }
}

#[cfg(test)]
mod tests;
