//! Metrics of inbound links that are read when they are scraped: open links, and what the peers use (federation §18.3).

use std::sync::Arc;
use std::time::Instant;

use less_sync_core::PeerId;
use less_sync_metrics::{Reading, Registry};

use super::Inbound;
use super::peer_state::{HourlyUsage, PeerState};
use crate::trust::QuotaSettings;

/// Resources with a quota.
const RESOURCES: [&str; 4] = ["spaces", "records", "bytes", "invitations"];

impl Inbound {
    /// Registers the metrics of inbound links.
    pub fn register_metrics(self: &Arc<Self>, registry: &mut Registry) {
        let links = self.links.clone();
        let open = Reading::gauge(move || links.count());
        registry.family("federation_peers_active", "open links", ["direction"], [(["inbound"], open)]);
        self.metrics.register(registry);
        register_usage(self, registry);
    }
}

/// Registers what the peers use, as of each scrape.
fn register_usage(inbound: &Arc<Inbound>, registry: &mut Registry) {
    let trust = inbound.deps.trust.snapshot();
    let peers: Vec<PeerId> = trust.peers().map(|peer| peer.id().clone()).collect();
    let watched = peers.iter().map(|peer| {
        let (inbound, id) = (inbound.clone(), peer.clone());
        let count = move || inbound.states.known(&id).map_or(0, |state| state.watched.count());
        ([peer.to_string(), "home".to_owned()], Reading::gauge(count))
    });
    let help = "distinct spaces that the links of a server watch";
    registry.family("federation_spaces_replicated", help, ["peer", "role"], watched);
    let ratios = peers.iter().flat_map(|peer| RESOURCES.map(|resource| (peer, resource)));
    let ratios = ratios.map(|(peer, resource)| {
        let (inbound, id) = (inbound.clone(), peer.clone());
        let ratio = Reading::ratio(move || inbound.usage_ratio(&id, resource));
        ([peer.to_string(), resource.to_owned()], ratio)
    });
    let (name, help) = ("federation_quota_usage_ratio", "used part of a quota of a server");
    registry.family(name, help, ["peer", "resource"], ratios);
}

impl Inbound {
    /// Used part of the quota of `peer` for one of [`RESOURCES`].
    fn usage_ratio(&self, peer: &PeerId, resource: &str) -> f64 {
        let Some(state) = self.states.known(peer) else { return 0.0 };
        let quotas = self.quotas_of(peer);
        let (used, limit) = usage(&state, &quotas, resource, self.deps.clock.instant());
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no precision")]
        let ratio = used as f64 / limit.max(1) as f64;
        ratio
    }
}

fn usage(state: &PeerState, quotas: &QuotaSettings, resource: &str, now: Instant) -> (u64, u64) {
    let HourlyUsage { records, bytes, invitations } = state.hourly(quotas, now);
    match resource {
        "records" => (records, quotas.records_per_hour.into()),
        "bytes" => (bytes, quotas.bytes_per_hour),
        "invitations" => (invitations, quotas.invitations_per_hour.into()),
        _ => (state.watched.count() as u64, quotas.spaces.into()),
    }
}
