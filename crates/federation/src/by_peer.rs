//! Counters by peer, as labels of metrics (federation §18.3).

use std::collections::BTreeMap;

use less_sync_core::PeerId;

use crate::trust::TrustSnapshot;

/// Label of peers that were not listed at the start of the server.
const UNKNOWN: &str = "unknown";

/// Counters of each peer. Labels are fixed at the start: a stranger adds none (federation TH-26).
#[derive(Debug)]
pub(crate) struct ByPeer<T>(BTreeMap<String, T>);

impl<T: Default> ByPeer<T> {
    /// Counters of the peers of `trust`, and of all others together.
    pub(crate) fn new(trust: &TrustSnapshot) -> Self {
        let names = trust.peers().map(|peer| peer.id().to_string()).chain([UNKNOWN.to_owned()]);
        Self(names.map(|name| (name, T::default())).collect())
    }
}

impl<T> ByPeer<T> {
    /// Counters of `peer`; those of all others if it is not listed, or unnamed.
    pub(crate) fn of<'p>(&self, peer: impl Into<Option<&'p PeerId>>) -> Option<&T> {
        let listed = peer.into().and_then(|peer| self.0.get(peer.as_str()));
        listed.or_else(|| self.0.get(UNKNOWN))
    }

    /// Labels and counters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &T)> {
        self.0.iter()
    }
}
