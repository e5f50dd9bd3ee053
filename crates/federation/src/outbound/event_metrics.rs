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

/// Outcome of a catch-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaughtUp {
    /// The clients were sent everything.
    Complete,
    /// The clients were sent a pull hint.
    Hinted,
}

/// Counters of one peer.
#[derive(Clone, Debug, Default)]
struct OfPeer {
    foreign: Counter,
    hints: Counter,
    complete: Counter,
    hinted: Counter,
    entries: Counter,
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

    /// Counts a catch-up that has ended.
    pub(super) fn caught_up(&self, peer: &PeerId, outcome: CaughtUp) {
        if let Some(of_peer) = self.peers.of(peer) {
            match outcome {
                CaughtUp::Complete => of_peer.complete.inc(),
                CaughtUp::Hinted => of_peer.hinted.inc(),
            };
        }
    }

    /// Counts rows that were read from a home in a catch-up.
    pub(super) fn entries(&self, peer: &PeerId, count: usize) {
        if let Some(of_peer) = self.peers.of(peer) {
            of_peer.entries.inc_by(count as u64);
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
        let caught_up = listed().flat_map(|(peer, of_peer)| {
            let counters = [("complete", of_peer.complete.clone()), ("hinted", of_peer.hinted.clone())];
            counters.map(|(result, counter)| ([peer.clone(), result.to_owned()], counter))
        });
        let help = "reads of what subscribers have missed, from a home";
        registry.family("federation_catchup_total", help, ["peer", "result"], caught_up);
        let entries = listed().map(|(peer, of_peer)| ([peer], of_peer.entries.clone()));
        let help = "records, log entries and files read for that";
        registry.family("federation_catchup_entries_total", help, ["peer"], entries);
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
