//! Dependencies of the channels of spaces.

use super::settings::BrokerSettings;
use crate::metrics::BrokerMetrics;
use crate::presence::{PeerIds, PresenceAges};

/// Settings, metrics and peer ids, shared by all channels of a broker.
#[derive(Debug)]
pub(super) struct Deps {
    pub(super) settings: BrokerSettings,
    /// In an allocation of its own: every event writes these counters, and would otherwise evict the settings and the
    /// hash keys of the broker, which every event reads, from the caches of the other cores.
    pub(super) metrics: Box<BrokerMetrics>,
    pub(super) peer_ids: PeerIds,
}

/// State outside of a channel that its operations use, while the lock of the shard is held.
#[derive(Debug)]
pub(super) struct Context<'s> {
    pub(super) deps: &'s Deps,
    /// Ages of the presence entries of all channels of the shard.
    pub(super) ages: &'s mut PresenceAges,
}
