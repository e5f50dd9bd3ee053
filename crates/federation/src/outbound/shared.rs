//! Settings and dependencies of outbound links, and the state that all peer objects share.

use std::sync::{Arc, OnceLock, Weak};

use less_sync_core::PeerId;
use less_sync_engine::{Clock, Random, Spawner};

use super::dialer::Dialer;
use super::event_metrics::EventMetrics;
use super::link::LinkDeps;
use super::listener::LinkListener;
use super::metrics::OutboundMetrics;
use super::timing::OutboundTiming;
use super::transfers::Transfers;
use crate::fetch::Fetcher;
use crate::own_keys::OwnKeys;
use crate::trust::TrustStore;

/// Settings of outbound links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundSettings {
    /// Own identity (`FEDERATION_DOMAIN`); `None`: that of the primary key.
    pub own_peer: Option<PeerId>,
    /// True with `FEDERATION_PRESENCE=true`.
    pub has_presence: bool,
}

/// Dependencies of outbound links.
#[derive(Clone)]
pub struct OutboundDeps {
    /// Listed peers.
    pub trust: Arc<TrustStore>,
    /// Own keys, which sign the upgrades.
    pub own_keys: Arc<OwnKeys>,
    /// Dialer of sockets.
    pub dialer: Arc<dyn Dialer>,
    /// Sender of requests for files.
    pub transfers: Arc<dyn Transfers>,
    /// Fetcher of discovery documents.
    pub fetcher: Arc<dyn Fetcher>,
    /// Time source.
    pub clock: Arc<dyn Clock>,
    /// Owner of the tasks of links.
    pub spawner: Arc<dyn Spawner>,
    /// Source of nonces and of the variation of delays.
    pub random: Arc<dyn Random>,
    /// Timers and bounds.
    pub timing: Arc<OutboundTiming>,
}

impl std::fmt::Debug for OutboundDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboundDeps").field("timing", &self.timing).finish_non_exhaustive()
    }
}

/// State that all peer objects share.
pub(super) struct Shared {
    pub(super) deps: OutboundDeps,
    pub(super) metrics: OutboundMetrics,
    pub(super) event_metrics: EventMetrics,
    settings: OutboundSettings,
    /// Set once, after the start.
    listener: OnceLock<Weak<dyn LinkListener>>,
}

impl Shared {
    pub(super) fn new(deps: OutboundDeps, metrics: OutboundMetrics, settings: OutboundSettings) -> Self {
        let event_metrics = EventMetrics::new(&deps.trust.snapshot());
        Self { deps, metrics, event_metrics, settings, listener: OnceLock::new() }
    }

    /// Own identity by the configuration.
    pub(super) fn configured_name(&self) -> Option<&PeerId> {
        self.settings.own_peer.as_ref()
    }

    /// Returns true when presence and events are exchanged with homes (federation §15).
    pub(super) fn has_presence(&self) -> bool {
        self.settings.has_presence
    }

    /// Passes what happens on links on to `listener`, once.
    pub(super) fn listen(&self, listener: Weak<dyn LinkListener>) {
        // The composition has one receiver.
        let _ = self.listener.set(listener);
    }

    /// Receiver of what happens on links.
    pub(super) fn listener(&self) -> Option<Arc<dyn LinkListener>> {
        self.listener.get()?.upgrade()
    }

    pub(super) fn link_deps(&self, peer: &PeerId) -> LinkDeps {
        let OutboundDeps { clock, spawner, timing, .. } = &self.deps;
        LinkDeps {
            peer: peer.clone(),
            clock: clock.clone(),
            spawner: spawner.clone(),
            timing: timing.clone(),
            listener: self.listener(),
        }
    }

    /// Own identity towards `peer`, which takes that of the signature for granted.
    pub(super) fn own_name(&self, peer: &PeerId) -> String {
        let signing = || self.deps.own_keys.ring().primary().map(|primary| primary.key_id.peer().clone());
        // The signature names the same server, or the peer rejects the handshake.
        signing().or_else(|| self.settings.own_peer.clone()).unwrap_or_else(|| peer.clone()).to_string()
    }
}
