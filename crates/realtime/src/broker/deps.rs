//! Dependencies of the channels of spaces.

use std::fmt;
use std::sync::Arc;

use less_sync_engine::ports::Deployment;

use super::settings::BrokerSettings;
use crate::metrics::BrokerMetrics;
use crate::presence::{PeerIds, PresenceAges};

/// Settings, metrics, peer ids and other nodes, shared by all channels of a broker.
pub(super) struct Deps {
    pub(super) settings: BrokerSettings,
    /// In an allocation of its own: every event writes these counters, and would otherwise evict the settings and the
    /// hash keys of the broker, which every event reads, from the caches of the other cores.
    pub(super) metrics: Box<BrokerMetrics>,
    pub(super) peer_ids: PeerIds,
    /// Other nodes of the deployment.
    pub(super) deployment: Arc<dyn Deployment>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// State outside of a channel that its operations use, while the lock of the shard is held.
#[derive(Debug)]
pub(super) struct Context<'s> {
    pub(super) deps: &'s Deps,
    /// Ages of the presence entries of all channels of the shard.
    pub(super) ages: &'s mut PresenceAges,
}
