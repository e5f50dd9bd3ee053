//! Memory of accepted signatures (auth §9.3, federation §7.6).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use less_sync_core::{PeerId, Timestamp};

use super::http_signature::VerifiedSignature;

/// Bounds of the memory. The default is that of federation §22.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Time that a signature is remembered, inclusive: its maximum age and the time that it may be ahead. Default: 360 s.
    pub remembered: Duration,
    /// Signatures remembered per peer, at least 1; the oldest is forgotten first. Default: 10 000.
    pub per_peer: usize,
    /// Uses of a signature that belongs to no single request. Default: 3.
    pub unbound_uses: u32,
    /// Time from the first to the last of these uses, inclusive. Default: 5 s.
    pub unbound_window: Duration,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self {
            remembered: Duration::from_mins(6),
            per_peer: 10_000,
            unbound_uses: 3,
            unbound_window: Duration::from_secs(5),
        }
    }
}

/// Identity of a signature: the id of the key and the hash of the base.
type Identity = (String, [u8; 32]);

/// Signatures accepted lately, per peer. Holds peers that the caller trusts only, so their number is bounded by configuration.
#[derive(Debug, Default)]
pub struct ReplayMemory {
    limits: ReplayLimits,
    peers: HashMap<PeerId, PeerMemory>,
}

#[derive(Debug, Default)]
struct PeerMemory {
    uses: HashMap<Identity, Uses>,
    /// Identities in the order of their first use.
    order: VecDeque<Identity>,
}

#[derive(Clone, Copy, Debug)]
struct Uses {
    first: Timestamp,
    count: u32,
}

impl ReplayMemory {
    /// Creates an empty memory.
    #[must_use]
    pub fn new(limits: ReplayLimits) -> Self {
        Self { limits, peers: HashMap::new() }
    }

    /// Counts a use of `signature` at `now`. False when it is a replay; the memory is unchanged then.
    #[must_use]
    pub fn admit(&mut self, signature: &VerifiedSignature, now: Timestamp) -> bool {
        let limits = self.limits;
        self.forget_old(now);
        let memory = self.peers.entry(signature.peer().clone()).or_default();
        let identity = (signature.key_id().as_str().to_owned(), *signature.base_hash());
        if let Some(uses) = memory.uses.get_mut(&identity) {
            let is_within = now.since(uses.first) <= limits.unbound_window;
            let is_admitted = !signature.is_bound() && is_within && uses.count < limits.unbound_uses;
            uses.count += u32::from(is_admitted);
            return is_admitted;
        }
        if memory.order.len() >= limits.per_peer.max(1) {
            memory.forget_first();
        }
        memory.order.push_back(identity.clone());
        memory.uses.insert(identity, Uses { first: now, count: 1 });
        true
    }

    /// Number of remembered signatures of all peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.values().map(|memory| memory.uses.len()).sum()
    }

    /// Returns true when no signature is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    fn forget_old(&mut self, now: Timestamp) {
        let remembered = self.limits.remembered;
        self.peers.retain(|_, memory| {
            while memory.first_use().is_some_and(|first| now.since(first) > remembered) {
                memory.forget_first();
            }
            !memory.uses.is_empty()
        });
    }
}

impl PeerMemory {
    fn first_use(&self) -> Option<Timestamp> {
        self.order.front().and_then(|identity| self.uses.get(identity)).map(|uses| uses.first)
    }

    fn forget_first(&mut self) {
        if let Some(identity) = self.order.pop_front() {
            self.uses.remove(&identity);
        }
    }
}
