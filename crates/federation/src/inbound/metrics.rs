//! Metrics of inbound links (federation §18.3).

use std::time::Duration;

use less_sync_auth::federation::http_signature::SignatureError;
use less_sync_core::PeerId;
use less_sync_metrics::{Counter, Histogram, Registry};

use crate::by_peer::ByPeer;
use crate::trust::TrustSnapshot;

/// Kinds of received frames that are counted.
const FRAMES: [&str; 2] = ["request", "notification"];

/// Outcomes of invitations.
const INVITATIONS: [&str; 3] = ["delivered", "rate_limited", "failed"];

/// Counters of one peer.
#[derive(Clone, Debug)]
struct OfPeer {
    rejected: [Counter; SignatureError::ALL.len()],
    frames: [Counter; FRAMES.len()],
    invitations: [Counter; INVITATIONS.len()],
    lifetimes: Histogram,
}

impl Default for OfPeer {
    fn default() -> Self {
        Self {
            rejected: Default::default(),
            frames: Default::default(),
            invitations: Default::default(),
            lifetimes: Histogram::of_lifetimes(),
        }
    }
}

/// Outcome of the delivery of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invitation {
    Delivered,
    RateLimited,
    Failed,
}

/// Links by peer. Labels are fixed at the start: a stranger adds none (federation TH-26).
#[derive(Debug)]
pub(super) struct InboundMetrics {
    peers: ByPeer<OfPeer>,
}

impl InboundMetrics {
    /// Counters of the peers of `trust`, and of all others together.
    pub(super) fn new(trust: &TrustSnapshot) -> Self {
        Self { peers: ByPeer::new(trust) }
    }

    /// Counts a rejection of `peer`; `None` for a peer that is not listed.
    pub(super) fn rejected(&self, peer: Option<&PeerId>, error: SignatureError) {
        let index = SignatureError::ALL.iter().position(|known| *known == error);
        let counter = self.peers.of(peer).zip(index).and_then(|(of, index)| of.rejected.get(index));
        if let Some(counter) = counter {
            counter.inc();
        }
    }

    /// Counts a request or notification of `peer`.
    pub(super) fn received(&self, peer: &PeerId, is_notification: bool) {
        if let Some(OfPeer { frames: [requests, notifications], .. }) = self.peers.of(peer) {
            if is_notification { notifications } else { requests }.inc();
        }
    }

    /// Counts an invitation of `peer`.
    pub(super) fn invited(&self, peer: &PeerId, outcome: Invitation) {
        if let Some(OfPeer { invitations: [delivered, rate_limited, failed], .. }) = self.peers.of(peer) {
            let counter = match outcome {
                Invitation::Delivered => delivered,
                Invitation::RateLimited => rate_limited,
                Invitation::Failed => failed,
            };
            counter.inc();
        }
    }

    /// Counts a link of `peer` that has ended after `lifetime`.
    pub(super) fn ended(&self, peer: &PeerId, lifetime: Duration) {
        if let Some(of) = self.peers.of(peer) {
            of.lifetimes.observe(lifetime);
        }
    }

    /// Series of one counter per peer and label.
    fn series<const N: usize>(
        &self,
        labels: [&'static str; N],
        counters: impl Fn(&OfPeer) -> &[Counter; N],
    ) -> Vec<([String; 2], Counter)> {
        let of_peer = |(peer, of): (&String, &OfPeer)| {
            let series = labels
                .into_iter()
                .zip(counters(of))
                .map(|(label, counter)| ([peer.clone(), label.to_owned()], counter.clone()));
            series.collect::<Vec<_>>()
        };
        self.peers.iter().flat_map(of_peer).collect()
    }

    /// Registers the counters.
    pub(super) fn register(&self, registry: &mut Registry) {
        let reasons = SignatureError::ALL.map(SignatureError::class);
        let rejected = self.series(reasons, |of| &of.rejected);
        let help = "rejected upgrades of links";
        registry.family("federation_handshake_failures_total", help, ["peer", "reason"], rejected);
        let frames = self.series(FRAMES, |of| &of.frames);
        let help = "requests and notifications received over links";
        registry.family("federation_frames_received_total", help, ["peer", "type"], frames);
        let invitations = self.series(INVITATIONS, |of| &of.invitations);
        let invitations = invitations
            .into_iter()
            .map(|([peer, status], counter)| ([peer, "received".to_owned(), status], counter));
        let (name, help) = ("federation_invitation_delivery_total", "invitations of other servers");
        registry.family(name, help, ["peer", "direction", "status"], invitations);
        let lifetimes =
            self.peers.iter().map(|(peer, of)| ([peer.clone(), "inbound".to_owned()], of.lifetimes.clone()));
        let (name, help) = ("federation_connection_lifetime_seconds", "lifetimes of links that have ended");
        registry.family(name, help, ["peer", "direction"], lifetimes);
    }
}
