//! Rejection of a node that would corrupt what the nodes of its deployment count together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::batch::NodeId;

/// Time from its start during which a node may be rejected: one that has served for longer goes on.
const NEW: Duration = Duration::from_mins(1);

/// Rejection of this node, which may still come.
#[derive(Debug, Default)]
pub(crate) struct Rejection {
    is_set: AtomicBool,
    changed: Notify,
}

impl Rejection {
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Waits for [`Rejection::set`].
    pub(crate) async fn wait(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_set.load(Ordering::Relaxed) {
                return;
            }
            changed.await;
        }
    }
}

/// True if a node with this time since its start, in milliseconds, and this id is the one to stop, of two that do not agree. An
/// unknown time is longer than any other.
pub(crate) fn is_newcomer(own: (u64, NodeId), other: Option<(u64, NodeId)>) -> bool {
    let is_new = u128::from(own.0) < NEW.as_millis();
    is_new && other.is_none_or(|other| own < other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_one_of_two_is_the_newcomer() {
        let (one, other) = ([1; 16], [2; 16]);
        assert!(is_newcomer((100, one), Some((5_000, other))));
        assert!(!is_newcomer((5_000, one), Some((100, other))));
        assert!(is_newcomer((100, one), Some((100, other))) != is_newcomer((100, other), Some((100, one))));
        assert!(is_newcomer((100, one), None));
        // Two parts of a deployment that meet after an outage of the transport both go on.
        assert!(!is_newcomer((60_000, one), Some((90_000, other))));
    }
}
