//! Delayed notices to connected owners of mailboxes (protocol §4.11, auth P-7).
//!
//! A notice carries no content and is sent a random delay after the invitation was stored, so that an observer of the
//! traffic cannot correlate sender and recipient. At most one notice per mailbox is pending. Mailboxes are keyed by a hash
//! with a per-process secret and are present only while a connection of theirs is registered; a client that connects later
//! lists its invitations.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::wire::Empty;
use less_sync_core::wire::method;
use less_sync_core::{ConnectionId, MailboxId, frame};
use less_sync_engine::ports::{Deployment, SingleNode};
use less_sync_engine::{Clock, MailboxNotices, Random};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::metrics::MailboxMetrics;
use crate::outbox::{Delivered, Outbox};

/// Connections by mailbox, and the schedule of their pending notices.
pub struct MailboxNotifier {
    /// Range of the uniformly random delay between an invitation and its notice.
    delay: RangeInclusive<Duration>,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    state: Mutex<State>,
    /// Wakes [`MailboxNotifier::run`] after a notice was scheduled.
    scheduled: Notify,
    metrics: MailboxMetrics,
    deployment: Arc<dyn Deployment>,
}

#[derive(Default)]
struct State {
    mailboxes: HashMap<u64, Mailbox>,
    /// Due times of the pending notices, by mailbox: at most one per registered mailbox.
    due: BTreeSet<(Instant, u64)>,
}

/// Mailbox with at least one registered connection.
#[derive(Default)]
struct Mailbox {
    connections: Vec<(ConnectionId, Arc<Outbox>)>,
    /// Due time of the pending notice, if there is one.
    notice_at: Option<Instant>,
}

/// Numbers of connections by the outcome of their notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Deliveries {
    /// Connections with the notice in their outbox.
    queued: u64,
    /// Connections closed as slow consumers because their outbox was full.
    too_slow: u64,
}

impl MailboxNotifier {
    /// A notifier without connections, of a deployment of a single node. `delay` is the range of the random delay of a notice.
    #[must_use]
    pub fn new(delay: RangeInclusive<Duration>, random: Arc<dyn Random>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::in_deployment(delay, random, clock, Arc::new(SingleNode))
    }

    /// A notifier without connections, which tells the other nodes of `deployment` of invitations stored here.
    #[must_use]
    pub fn in_deployment(
        delay: RangeInclusive<Duration>,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
        deployment: Arc<dyn Deployment>,
    ) -> Arc<Self> {
        Arc::new(Self {
            delay,
            random,
            clock,
            hasher: RandomState::new(),
            state: Mutex::default(),
            scheduled: Notify::new(),
            metrics: MailboxMetrics::default(),
            deployment,
        })
    }

    /// Counters of sent notices.
    #[must_use]
    pub fn metrics(&self) -> &MailboxMetrics {
        &self.metrics
    }

    /// Key of a mailbox, different in every process, so that a memory dump contains no mailbox ids.
    fn key(&self, mailbox: MailboxId) -> u64 {
        self.hasher.hash_one(mailbox)
    }

    /// Registers a connection of the owner of `mailbox` for notices.
    pub(crate) fn register(&self, mailbox: MailboxId, connection: ConnectionId, outbox: &Arc<Outbox>) {
        let key = self.key(mailbox);
        let mut state = self.state.lock();
        state.mailboxes.entry(key).or_default().connections.push((connection, outbox.clone()));
    }

    /// Unregisters a connection. The last connection of a mailbox takes the pending notice with it.
    pub(crate) fn unregister(&self, mailbox: MailboxId, connection: ConnectionId) {
        let key = self.key(mailbox);
        let mut state = self.state.lock();
        let Some(registered) = state.mailboxes.get_mut(&key) else { return };
        registered.connections.retain(|(id, _)| *id != connection);
        if registered.connections.is_empty() {
            let pending = registered.notice_at;
            state.mailboxes.remove(&key);
            if let Some(at) = pending {
                state.due.remove(&(at, key));
            }
        }
    }

    /// Schedules a notice for `mailbox` at a random time after `now`. A pending notice covers this invitation too.
    fn schedule(&self, mailbox: MailboxId, now: Instant) {
        let key = self.key(mailbox);
        let at = now + self.random.duration(&self.delay);
        let mut state = self.state.lock();
        let Some(registered) = state.mailboxes.get_mut(&key) else { return };
        if registered.notice_at.is_some() {
            return;
        }
        registered.notice_at = Some(at);
        state.due.insert((at, key));
        drop(state);
        // After the insertion: `run` reads the schedule again for every permit, so a permit stored while it is reading
        // makes it read once more instead of sleeping past `at`.
        self.scheduled.notify_one();
    }

    /// Schedules a notice about an invitation that another node has stored.
    pub(crate) fn stored_elsewhere(&self, mailbox: MailboxId) {
        self.schedule(mailbox, self.clock.instant());
    }

    /// Sends due notices until `stop` completes. Notices pending then are dropped: their connections are about to close,
    /// and a reconnecting client lists its invitations.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.deliver_forever() => {}
        }
    }

    async fn deliver_forever(&self) {
        loop {
            match self.next_due() {
                None => self.scheduled.notified().await,
                // Delays are random, so a later invitation may be due earlier than the notice that is slept for.
                Some(at) => tokio::select! {
                    () = self.scheduled.notified() => {}
                    () = self.clock.sleep_until(at) => {}
                },
            }
            let deliveries = self.deliver_due(self.clock.instant());
            self.metrics.notices_delivered.inc_by(deliveries.queued);
            self.metrics.slow_consumers.inc_by(deliveries.too_slow);
        }
    }

    /// Due time of the next notice.
    fn next_due(&self) -> Option<Instant> {
        self.state.lock().due.first().map(|(at, _)| *at)
    }

    /// Queues the notices that are due by `now`, inclusive.
    fn deliver_due(&self, now: Instant) -> Deliveries {
        let frame = frame::notification(method::INVITATION, &Empty);
        let mut deliveries = Deliveries::default();
        // Locks once per mailbox: connections that register or leave wait for one mailbox, not for the whole batch.
        while let Some(outboxes) = self.take_due(now) {
            for outbox in &outboxes {
                deliveries.add(outbox, frame.clone());
            }
        }
        deliveries
    }

    fn take_due(&self, now: Instant) -> Option<Vec<Arc<Outbox>>> {
        let mut state = self.state.lock();
        let (_, key) = state.due.first().copied().filter(|(at, _)| *at <= now)?;
        state.due.pop_first();
        let Some(mailbox) = state.mailboxes.get_mut(&key) else { return Some(Vec::new()) };
        mailbox.notice_at = None;
        // The outboxes are cloned out, since queueing takes their own locks and may wake tasks.
        Some(mailbox.connections.iter().map(|(_, outbox)| outbox.clone()).collect())
    }
}

impl MailboxNotices for MailboxNotifier {
    fn invitation_stored(&self, mailbox: MailboxId) {
        self.deployment.invitation_stored(mailbox);
        self.schedule(mailbox, self.clock.instant());
    }
}

impl std::fmt::Debug for MailboxNotifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailboxNotifier").field("delay", &self.delay).finish_non_exhaustive()
    }
}

impl Deliveries {
    fn add(&mut self, outbox: &Outbox, frame: Bytes) {
        match outbox.durable(None, frame) {
            Delivered::Queued | Delivered::Displaced => self.queued += 1,
            Delivered::TooSlow => self.too_slow += 1,
            Delivered::Lost | Delivered::Closed => {}
        }
    }
}

#[cfg(test)]
mod tests;
