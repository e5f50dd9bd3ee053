//! Links that peers dial: authentication of the upgrade, and the requests on them (federation §7, §8).

mod authenticate;
mod link;
mod links;
mod metrics;
mod own_name;
mod peer_state;
mod rejection;
mod route;
mod signed_routes;
mod status;
mod tokens;
mod usage_metrics;

use std::sync::Arc;

use less_sync_auth::federation::http_signature::SignaturePolicy;
use less_sync_auth::federation::replay::{ReplayLimits, ReplayMemory};
use less_sync_core::PeerId;
use less_sync_engine::Clock;
use less_sync_realtime::{Endpoint, LinkLimits};
use parking_lot::Mutex;

use crate::own_keys::OwnKeys;
use crate::peer_keys::PeerKeys;
use crate::trust::{QuotaSettings, TrustLevel, TrustStore};
use links::Links;
use metrics::InboundMetrics;
use peer_state::PeerStates;
pub use tokens::PeerTokens;

/// Settings of inbound links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundSettings {
    /// Bounds and accepted forms of signatures.
    pub signatures: SignaturePolicy,
    /// Maximum links of one peer (`FEDERATION_MAX_CONNECTIONS`), unless the peers file says otherwise.
    pub max_connections: u32,
    /// Quotas of every peer, unless the peers file says otherwise.
    pub quotas: QuotaSettings,
    /// Scope of access tokens that the status route requires (`FEDERATION_STATUS_SCOPE`); `None`: any token suffices.
    pub status_scope: Option<String>,
    /// True with `FEDERATION_KEY_DISCOVERY=jwks`.
    pub has_discovery: bool,
    /// True with `FEDERATION_PRESENCE=true`.
    pub has_presence: bool,
    /// Own identity (`FEDERATION_DOMAIN`); `None`: that of the primary key, else the host that the peer has dialled.
    pub own_peer: Option<PeerId>,
}

/// Dependencies of inbound links.
#[derive(Clone)]
pub struct InboundDeps {
    /// Listed peers.
    pub trust: Arc<TrustStore>,
    /// Keys of peers.
    pub keys: Arc<dyn PeerKeys>,
    /// Own keys, for the own identity.
    pub own_keys: Arc<OwnKeys>,
    /// Endpoint whose limits, shutdown and sockets links share.
    pub endpoint: Arc<Endpoint>,
    /// Subscribe tokens (`FEDERATION_FST_SECRET`); `None`: none are issued or accepted.
    pub tokens: Option<Arc<PeerTokens>>,
    /// Time source.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for InboundDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboundDeps").finish_non_exhaustive()
    }
}

/// Listener of links.
#[derive(Debug)]
pub struct Inbound {
    deps: InboundDeps,
    settings: InboundSettings,
    limits: LinkLimits,
    replays: Mutex<ReplayMemory>,
    links: Arc<Links>,
    states: PeerStates,
    metrics: InboundMetrics,
}

impl Inbound {
    /// Listener without links.
    #[must_use]
    pub fn new(deps: InboundDeps, settings: InboundSettings) -> Arc<Self> {
        let signatures = &settings.signatures;
        let remembered = signatures.max_age + signatures.max_ahead;
        let replays =
            ReplayLimits { remembered, unbound_uses: settings.max_connections, ..ReplayLimits::default() };
        let metrics = InboundMetrics::new(&deps.trust.snapshot());
        Arc::new(Self {
            limits: LinkLimits::default(),
            replays: Mutex::new(ReplayMemory::new(replays)),
            links: Arc::new(Links::default()),
            states: PeerStates::default(),
            metrics,
            deps,
            settings,
        })
    }

    /// Quotas of `peer`: those of the peers file, else those of the settings.
    fn quotas_of(&self, peer: &PeerId) -> QuotaSettings {
        let defaults = self.settings.quotas;
        let trust = self.deps.trust.snapshot();
        trust.peer(peer).map_or(defaults, |peer| peer.quotas.over(&defaults))
    }

    /// Section of the health response (federation §18.2); `None` while no peer can be authenticated.
    #[must_use]
    pub fn health(&self) -> Option<serde_json::Value> {
        let trust = self.deps.trust.snapshot();
        let peers = trust.peers().filter(|peer| peer.trust == TrustLevel::Trusted).count();
        trust.accepts_links(self.settings.has_discovery).then(
            || serde_json::json!({ "enabled": true, "peer_count": peers, "connections": self.links.count() }),
        )
    }

    /// Closes the links of peers that are not trusted any more, and those of removed keys, with 4002 (federation TR-7, §5.5). The
    /// first ones are notified of the end of their subscriptions before.
    pub fn enforce_trust(&self) {
        self.links.enforce(&self.deps.trust.snapshot(), self.settings.has_discovery, &self.states);
    }
}
