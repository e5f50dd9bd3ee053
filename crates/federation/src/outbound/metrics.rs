//! Metrics of outbound links (federation §18.3).

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::PeerId;
use less_sync_core::wire::method;
use less_sync_engine::HomeError;
use less_sync_metrics::{Counter, Histogram, Reading, Registry};

use super::redial::Outcome;
use crate::by_peer::ByPeer;
use crate::trust::TrustSnapshot;

/// Labels of failed calls. Codes of peers are not labels: a peer could make up any number of them.
const ERRORS: [&str; 6] = ["unavailable", "untrusted", "unsupported", "busy", "too_large", "rejected"];

/// Counters of one peer.
#[derive(Clone, Debug)]
struct OfPeer {
    latency: Histogram,
    push_latency: Histogram,
    errors: [Counter; ERRORS.len()],
    push_errors: [Counter; ERRORS.len()],
    reconnections: [Counter; Outcome::ALL.len()],
    handshakes: Histogram,
}

impl Default for OfPeer {
    fn default() -> Self {
        Self {
            latency: Histogram::of_durations(),
            push_latency: Histogram::of_durations(),
            errors: Default::default(),
            push_errors: Default::default(),
            reconnections: Default::default(),
            handshakes: Histogram::of_durations(),
        }
    }
}

/// Calls and links by peer. Labels are fixed at the start (federation TH-26).
#[derive(Debug)]
pub(super) struct OutboundMetrics {
    peers: ByPeer<OfPeer>,
}

impl OutboundMetrics {
    /// Counters of the peers of `trust`, and of all others together.
    pub(super) fn new(trust: &TrustSnapshot) -> Self {
        Self { peers: ByPeer::new(trust) }
    }

    /// Counts a call.
    pub(super) fn called(
        &self,
        peer: &PeerId,
        method: &'static str,
        took: Duration,
        outcome: Result<(), &HomeError>,
    ) {
        let Some(of_peer) = self.peers.of(peer) else { return };
        let is_push = method == method::PUSH;
        match outcome {
            Ok(()) => {
                of_peer.latency.observe(took);
                if is_push {
                    of_peer.push_latency.observe(took);
                }
            }
            Err(error) => {
                let index = index(error);
                let counters = [Some(&of_peer.errors), is_push.then_some(&of_peer.push_errors)];
                for counter in counters.into_iter().flatten().filter_map(|errors| errors.get(index)) {
                    counter.inc();
                }
            }
        }
    }

    /// Counts a link that was dialled.
    pub(super) fn dialled(&self, peer: &PeerId, took: Duration) {
        if let Some(of_peer) = self.peers.of(peer) {
            of_peer.handshakes.observe(took);
        }
    }

    /// Counts a link that has ended.
    pub(super) fn ended(&self, peer: &PeerId, outcome: Outcome) {
        let index = Outcome::ALL.iter().position(|known| *known == outcome);
        let counter =
            self.peers.of(peer).zip(index).and_then(|(of_peer, index)| of_peer.reconnections.get(index));
        if let Some(counter) = counter {
            counter.inc();
        }
    }

    pub(super) fn register(
        &self,
        registry: &mut Registry,
        pending: &Arc<dyn Fn(&PeerId) -> usize + Send + Sync>,
        open: Arc<dyn Fn() -> usize + Send + Sync>,
    ) {
        registry.register("federation_links_dialled", "open outbound links", Reading::gauge(move || open()));
        let listed = || self.peers.iter().map(|(peer, of_peer)| (peer.clone(), of_peer));
        let pending = listed().filter_map(|(peer, _)| {
            let (id, pending) = (peer.parse::<PeerId>().ok()?, pending.clone());
            Some(([peer], Reading::gauge(move || pending(&id))))
        });
        registry.family("federation_pending_calls", "calls in flight to a peer", ["peer"], pending);
        let latency = listed().map(|(peer, of_peer)| ([peer], of_peer.latency.clone()));
        registry.family(
            "federation_call_latency_seconds",
            "calls that a peer responded to",
            ["peer"],
            latency,
        );
        let pushes = listed().map(|(peer, of_peer)| ([peer], of_peer.push_latency.clone()));
        let help = "pushes forwarded to their home, until the response";
        registry.family("federation_push_forward_latency_seconds", help, ["peer"], pushes);
        let handshakes = listed().map(|(peer, of_peer)| ([peer], of_peer.handshakes.clone()));
        let help = "dials of links, from the look-up of the name to the end of the handshake";
        registry.family("federation_dial_duration_seconds", help, ["peer"], handshakes);
        let errors = |choose: fn(&OfPeer) -> &[Counter; ERRORS.len()]| {
            listed().flat_map(move |(peer, of_peer)| {
                let counters = ERRORS.into_iter().zip(choose(of_peer).clone());
                counters.map(move |(error, counter)| ([peer.clone(), error.to_owned()], counter))
            })
        };
        let help = "failed calls to a peer";
        registry.family("federation_call_errors_total", help, ["peer", "error"], errors(|of| &of.errors));
        let help = "pushes that could not be forwarded to their home";
        let pushes = errors(|of| &of.push_errors);
        registry.family("federation_push_forward_errors_total", help, ["peer", "error"], pushes);
        let ended = listed().flat_map(|(peer, of_peer)| {
            let counters = Outcome::ALL.into_iter().zip(of_peer.reconnections.clone());
            counters.map(move |(reason, counter)| ([peer.clone(), reason.label().to_owned()], counter))
        });
        let help = "outbound links that ended and are dialled again";
        registry.family("federation_websocket_reconnections_total", help, ["peer", "reason"], ended);
    }
}

const fn index(error: &HomeError) -> usize {
    match error {
        HomeError::Unavailable => 0,
        HomeError::Untrusted => 1,
        HomeError::Unsupported => 2,
        HomeError::Busy => 3,
        HomeError::TooLarge => 4,
        HomeError::Rejected { .. } => 5,
    }
}
