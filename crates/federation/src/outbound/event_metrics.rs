//! Metrics of live events from homes (federation §18.3).

use std::sync::Arc;

use less_sync_core::PeerId;
use less_sync_metrics::{Counter, Reading, Registry};

use crate::by_peer::ByPeer;
use crate::trust::TrustSnapshot;

/// States of interests.
pub(super) const STATES: [&str; 3] = ["pending", "subscribed", "lapsed"];

/// Number of interests of a peer in a state.
pub(super) type CountInterests = Arc<dyn Fn(&PeerId, &str) -> usize + Send + Sync>;

/// Outcome of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewed {
    /// By the chain of a connected user.
    Ucan,
    /// Left to the clients.
    Client,
    /// Not renewed in time.
    Lapsed,
}

impl Renewed {
    const ALL: [Self; 3] = [Self::Ucan, Self::Client, Self::Lapsed];

    const fn label(self) -> &'static str {
        match self {
            Self::Ucan => "ucan",
            Self::Client => "client",
            Self::Lapsed => "lapsed",
        }
    }
}

/// Counters of one peer.
#[derive(Clone, Debug, Default)]
struct OfPeer {
    foreign: Counter,
    hints: Counter,
    renewals: [Counter; Renewed::ALL.len()],
}

/// Live events by peer. Labels are fixed at the start (federation TH-26).
#[derive(Debug)]
pub(super) struct EventMetrics {
    peers: ByPeer<OfPeer>,
}

impl EventMetrics {
    /// Counters of the peers of `trust`, and of all others together.
    pub(super) fn new(trust: &TrustSnapshot) -> Self {
        Self { peers: ByPeer::new(trust) }
    }

    /// Counts a notification about a space without interest.
    pub(super) fn foreign(&self, peer: &PeerId) {
        if let Some(of_peer) = self.peers.of(peer) {
            of_peer.foreign.inc();
        }
    }

    /// Counts a pull hint to the subscribers of a space.
    pub(super) fn hinted(&self, peer: &PeerId) {
        if let Some(of_peer) = self.peers.of(peer) {
            of_peer.hints.inc();
        }
    }

    /// Counts the renewal of a subscription.
    pub(super) fn renewed(&self, peer: &PeerId, outcome: Renewed) {
        let index = Renewed::ALL.iter().position(|known| *known == outcome);
        if let Some(counter) =
            self.peers.of(peer).zip(index).and_then(|(of_peer, index)| of_peer.renewals.get(index))
        {
            counter.inc();
        }
    }

    /// Registers the metrics.
    pub(super) fn register(&self, registry: &mut Registry, interests: &CountInterests) {
        let listed = || self.peers.iter().map(|(peer, of_peer)| (peer.clone(), of_peer));
        let foreign = listed().map(|(peer, of_peer)| ([peer], of_peer.foreign.clone()));
        let help = "notifications of a peer about spaces that nobody watches there, dropped";
        registry.family("federation_foreign_events_total", help, ["peer"], foreign);
        let hints = listed().map(|(peer, of_peer)| ([peer], of_peer.hints.clone()));
        let help = "pull hints in place of events of a home";
        registry.family("federation_pull_hints_total", help, ["peer"], hints);
        let renewals = listed().flat_map(|(peer, of_peer)| {
            let counters = Renewed::ALL.into_iter().zip(of_peer.renewals.clone());
            counters.map(move |(outcome, counter)| ([peer.clone(), outcome.label().to_owned()], counter))
        });
        let help = "renewals of subscriptions at a home";
        registry.family("federation_resubscribe_total", help, ["peer", "outcome"], renewals);
        let gauges = listed().flat_map(|(peer, _)| {
            let id = peer.parse::<PeerId>().ok();
            STATES.into_iter().filter_map(move |state| {
                let (id, interests) = (id.clone()?, interests.clone());
                Some(([peer.clone(), state.to_owned()], Reading::gauge(move || interests(&id, state))))
            })
        });
        let help = "spaces of a peer that connections of this server watch";
        registry.family("federation_interests", help, ["peer", "state"], gauges);
    }
}
