//! Queue of presence and ephemeral events on their way to a home, and their rates (federation §15).

use std::collections::VecDeque;
use std::time::Instant;

use less_sync_core::SpaceId;
use less_sync_engine::ports::{EphemeralChange, EphemeralKind};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::bucket::{Bucket, Rate};

/// Maximum notifications in each direction; twice as many at once.
pub(super) fn rate() -> Rate {
    Rate::per_second(50)
}

/// Maximum changes that wait for their turn, inclusive: those of two seconds. Beyond it the oldest is dropped.
const WAITING: usize = 100;

/// Changes of local clients on their way to the home.
#[derive(Debug, Default)]
pub(super) struct PresenceRelay {
    queue: Mutex<Queue>,
    changed: Notify,
    /// Notifications of the home within the last moments.
    received: Mutex<Option<Bucket>>,
}

#[derive(Debug, Default)]
struct Queue {
    changes: VecDeque<EphemeralChange>,
    /// Spaces that a new link carries, whose presence the home does not know: at most as many as there are interests.
    unknown: VecDeque<SpaceId>,
}

/// Next step of the relay.
pub(super) enum Step {
    Send(EphemeralChange),
    Announce(SpaceId),
}

impl PresenceRelay {
    /// Adds a change. A newer state of a peer replaces the older one.
    pub(super) fn add(&self, change: EphemeralChange) {
        let changes = &mut self.queue.lock().changes;
        let is_event = |kind: &EphemeralKind| matches!(kind, EphemeralKind::Event(_));
        if !is_event(&change.kind) {
            let like = (change.space, change.peer);
            changes.retain(|waiting| (waiting.space, waiting.peer) != like || is_event(&waiting.kind));
        }
        if changes.len() >= WAITING {
            changes.pop_front();
        }
        changes.push_back(change);
        self.changed.notify_one();
    }

    /// Sends all presence of `space` anew.
    pub(super) fn announce(&self, space: SpaceId) {
        let unknown = &mut self.queue.lock().unknown;
        if !unknown.contains(&space) {
            unknown.push_back(space);
        }
        self.changed.notify_one();
    }

    /// Looks at the link again.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    pub(super) fn next(&self) -> Option<Step> {
        let mut queue = self.queue.lock();
        let change = queue.changes.pop_front().map(Step::Send);
        change.or_else(|| queue.unknown.pop_front().map(Step::Announce))
    }
    /// Waits until there may be another step.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Charges a notification of the home; false beyond its rate.
    pub(super) fn receives(&self, now: Instant) -> bool {
        let mut received = self.received.lock();
        received.get_or_insert_with(|| Bucket::new(now)).take(1, rate(), now).is_ok()
    }
}
