//! Other nodes of the deployment: identity, last sign of life, numbers of their batches.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::batch::{Hello, NodeId};

/// Maximum number of nodes, inclusive; messages of further ones are passed on, but not watched for losses.
const NODES: usize = 256;

/// Other nodes.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<HashMap<NodeId, Peer>>);

#[derive(Debug)]
struct Peer {
    heard: Instant,
    /// Last number by destination; `None` is every node.
    sequences: HashMap<Option<i64>, u64>,
}

/// Meaning of a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// A node that was not known.
    New,
    /// A known node.
    Known,
    /// The last message of a node.
    Left,
}

impl Peers {
    /// Number of nodes.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Records the identity of a node.
    pub(crate) fn greet(&self, node: NodeId, hello: &Hello, now: Instant) -> Greeting {
        let mut peers = self.0.lock();
        if hello.leaves {
            peers.remove(&node);
            return Greeting::Left;
        }
        if let Some(peer) = peers.get_mut(&node) {
            peer.heard = now;
            return Greeting::Known;
        }
        if peers.len() < NODES {
            peers.insert(node, Peer { heard: now, sequences: HashMap::new() });
        }
        Greeting::New
    }

    /// Records the number of a batch; false if numbers before it are missing.
    pub(crate) fn is_contiguous(&self, node: NodeId, shard: Option<i64>, sequence: u64) -> bool {
        let mut peers = self.0.lock();
        let Some(peer) = peers.get_mut(&node) else { return true };
        let last = peer.sequences.insert(shard, sequence);
        match last {
            // A late or repeated batch: the newest number stays.
            Some(last) if sequence <= last => {
                peer.sequences.insert(shard, last);
                true
            }
            Some(last) => sequence == last + 1,
            None => true,
        }
    }

    /// Forgets the numbers of a shard that is not listened to any more.
    pub(crate) fn forget_shard(&self, shard: i64) {
        for peer in self.0.lock().values_mut() {
            peer.sequences.remove(&Some(shard));
        }
    }

    /// Removes the nodes that have been silent for longer than `silence`, and returns their number.
    pub(crate) fn remove_silent(&self, now: Instant, silence: Duration) -> usize {
        let mut peers = self.0.lock();
        let before = peers.len();
        peers.retain(|_, peer| now.saturating_duration_since(peer.heard) <= silence);
        before - peers.len()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
mod tests {
    use super::*;

    const NODE: NodeId = [1; 16];

    fn hello(leaves: bool) -> Hello {
        Hello { software: "1.0".into(), schema: 1, identity: None, time: 0, uptime: None, leaves }
    }

    #[test]
    fn missing_number_is_a_gap_and_a_late_one_is_not() {
        let peers = Peers::default();
        peers.greet(NODE, &hello(false), Instant::now());
        assert!(peers.is_contiguous(NODE, None, 5), "the first number may be any");
        assert!(peers.is_contiguous(NODE, None, 6));
        assert!(!peers.is_contiguous(NODE, None, 8));
        assert!(peers.is_contiguous(NODE, None, 7), "late");
        assert!(peers.is_contiguous(NODE, None, 9));
        assert!(peers.is_contiguous(NODE, Some(3), 40), "a shard has numbers of its own");
        assert!(!peers.is_contiguous(NODE, Some(3), 42));
        peers.forget_shard(3);
        assert!(peers.is_contiguous(NODE, Some(3), 50));
    }

    #[test]
    fn silent_node_is_removed_and_greets_anew() {
        let (peers, now) = (Peers::default(), Instant::now());
        assert_eq!(peers.greet(NODE, &hello(false), now), Greeting::New);
        assert_eq!(peers.greet(NODE, &hello(false), now), Greeting::Known);
        assert_eq!(peers.remove_silent(now + Duration::from_secs(15), Duration::from_secs(15)), 0);
        assert_eq!(peers.remove_silent(now + Duration::from_secs(16), Duration::from_secs(15)), 1);
        assert_eq!(peers.greet(NODE, &hello(false), now), Greeting::New);
        assert_eq!(peers.greet(NODE, &hello(true), now), Greeting::Left);
        assert_eq!(peers.count(), 0);
    }
}
