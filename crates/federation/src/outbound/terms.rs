//! Terms of a link, by the handshake (federation §8.3).

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use super::timing::OutboundTiming;

/// Terms of a link.
#[derive(Debug, Default)]
pub(super) struct Terms(OnceLock<Native>);

/// Terms of a peer of profile native.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Native {
    /// Features of both servers.
    pub(super) features: BTreeSet<String>,
    /// Largest message that the peer accepts, in bytes.
    pub(super) max_frame: usize,
}

impl Terms {
    /// Returns true for a peer of profile native.
    pub(super) fn is_native(&self) -> bool {
        self.0.get().is_some()
    }

    /// Returns true when both servers have the feature.
    pub(super) fn has(&self, feature: &str) -> bool {
        self.0.get().is_some_and(|native| native.features.contains(feature))
    }

    /// Largest message that the peer accepts, in bytes.
    pub(super) fn max_frame(&self, timing: &OutboundTiming) -> usize {
        self.0.get().map_or(timing.max_sent, |native| native.max_frame)
    }

    /// Time without input after which the link is dead.
    pub(super) fn dead(&self, timing: &OutboundTiming) -> Duration {
        if self.is_native() { timing.dead } else { timing.dead_original }
    }

    /// Sets the terms, once.
    pub(super) fn agree(&self, native: Native) {
        // Set once: there is one handshake per link.
        let _ = self.0.set(native);
    }
}
