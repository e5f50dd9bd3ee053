//! Live nodes of a deployment: the share of one of them in limits that every node counts in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Known live nodes. Clones share them.
///
/// A user who connects to every node gets about the limit from all of them together. A node that has died still counts until
/// its silence is noticed; while messages between nodes do not arrive, each takes all of a limit.
#[derive(Clone, Debug)]
pub struct LiveNodes(Arc<AtomicUsize>);

impl Default for LiveNodes {
    /// A single node.
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(1)))
    }
}

impl LiveNodes {
    /// Sets the number of live nodes, this one included.
    pub fn set(&self, count: usize) {
        self.0.store(count.max(1), Ordering::Relaxed);
    }

    /// Share of this node in `limit`, rounded up; 0 stays 0.
    #[must_use]
    pub fn share(&self, limit: usize) -> usize {
        limit.div_ceil(self.0.load(Ordering::Relaxed))
    }

    /// Share of this node in a number of bytes, rounded up.
    #[must_use]
    pub fn share_of_bytes(&self, limit: u64) -> u64 {
        limit.div_ceil(self.0.load(Ordering::Relaxed) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_limit_or_a_little_more() {
        let nodes = LiveNodes::default();
        assert_eq!((nodes.share(10), nodes.share(0)), (10, 0));
        nodes.clone().set(3);
        assert_eq!((nodes.share(10), nodes.share(1), nodes.share(0)), (4, 1, 0));
        assert_eq!(nodes.share_of_bytes(10), 4);
        nodes.set(0);
        assert_eq!(nodes.share(10), 10);
    }
}
