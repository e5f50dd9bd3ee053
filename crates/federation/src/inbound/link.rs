//! Peer behind an inbound link.

use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_core::wire::federation::{FedHello, feature};
use less_sync_core::{Close, ConnectionId};
use less_sync_engine::{ForwardingServer, SubscribeTokens};
use less_sync_realtime::{
    HelloRejection, LinkPeer, Outbox, QuotaExceeded, RepeatMemory, WatchedSpaces, Welcome,
};

use super::Inbound;
use super::metrics::Invitation;
use super::own_name::OwnName;
use super::peer_state::PeerState;
use crate::trust::{Peer, Profile, QuotaSettings};

/// Version of the handshake.
const VERSION: i64 = 1;

/// Difference of clocks that is logged, in seconds.
const CLOCK_SKEW: u64 = 120;

/// Optional features of this server, whatever its settings are.
const FEATURES: [&str; 5] = [
    feature::FORWARDED_CALLS,
    feature::IDEMPOTENCY,
    feature::CANCEL,
    feature::ERRORS_OF_ENTRIES,
    feature::EPOCH_KEYS,
];

/// Authenticated peer of one link. Without `fed.hello` it counts as an original one.
pub(super) struct InboundLink {
    pub(super) id: ConnectionId,
    pub(super) server: ForwardingServer,
    pub(super) peer: Peer,
    pub(super) own: OwnName,
    pub(super) state: Arc<PeerState>,
    pub(super) inbound: Arc<Inbound>,
}

impl InboundLink {
    /// Optional features of this server.
    fn features(&self) -> Vec<&'static str> {
        let by_token = self.inbound.deps.tokens.as_ref().map(|_| feature::PULL_BY_TOKEN);
        let presence = self.inbound.settings.has_presence.then_some(feature::PRESENCE);
        FEATURES.into_iter().chain(by_token).chain(presence).collect()
    }

    /// Quotas of the peer as of now.
    fn quotas(&self) -> QuotaSettings {
        self.inbound.quotas_of(self.peer.id())
    }

    fn now(&self) -> Instant {
        self.inbound.deps.clock.instant()
    }

    /// Logs and counts a request that exceeded the quota of `resource`. Sustained abuse closes all links of the peer (federation
    /// AD-8).
    fn note<T>(&self, resource: &'static str, charged: Result<T, QuotaExceeded>) -> Result<T, QuotaExceeded> {
        if charged.is_err() {
            self.exceeded(resource);
        }
        charged
    }
}

impl LinkPeer for InboundLink {
    fn server(&self) -> &ForwardingServer {
        &self.server
    }

    fn is_native(&self) -> bool {
        self.peer.profile == Profile::Native
    }

    fn tokens(&self) -> Option<&dyn SubscribeTokens> {
        self.inbound.deps.tokens.as_ref().map(|tokens| tokens.as_ref() as &dyn SubscribeTokens)
    }

    fn watched(&self) -> &WatchedSpaces {
        &self.state.watched
    }

    fn max_spaces(&self) -> usize {
        self.quotas().spaces as usize
    }

    fn exceeded(&self, resource: &'static str) {
        let peer = self.peer.id();
        // Event name of federation §18.4.
        tracing::info!(%peer, resource, connection_id = %self.id, "federation.quota_exceeded");
        if self.state.is_abuse(self.now()) {
            tracing::warn!(%peer, "links of an abusive server closed");
            self.inbound.links.close_all(peer, Close::RATE_LIMITED);
        }
    }

    fn charge_push(&self, records: usize, bytes: usize) -> Result<(), QuotaExceeded> {
        self.note("records", self.state.charge_push(records, bytes, &self.quotas(), self.now()))
    }

    fn charge_invitation(&self) -> Result<(), QuotaExceeded> {
        let charged = self.note("invitations", self.state.charge_invitation(&self.quotas(), self.now()));
        if charged.is_err() {
            self.inbound.metrics.invited(self.peer.id(), Invitation::RateLimited);
        }
        charged
    }

    fn invitation_ended(&self, is_delivered: bool) {
        let outcome = if is_delivered { Invitation::Delivered } else { Invitation::Failed };
        self.inbound.metrics.invited(self.peer.id(), outcome);
    }

    fn charge_call(&self, is_notification: bool) -> Result<Duration, QuotaExceeded> {
        self.inbound.metrics.received(self.peer.id(), is_notification);
        self.note("requests", self.state.charge_call(is_notification, &self.quotas(), self.now()))
    }

    fn repeats(&self) -> &Arc<RepeatMemory> {
        &self.state.repeats
    }

    fn opened(&self, outbox: &Arc<Outbox>) {
        self.inbound.links.attach(self.id, outbox);
    }

    fn hello(&self, hello: &FedHello<'_>) -> Result<Welcome, HelloRejection> {
        let peer = self.peer.id();
        if hello.server != peer.as_str() {
            let message = "server does not match the signature";
            return Err(HelloRejection { message, close: Some(Close::OTHER_SERVER) });
        }
        if hello.v != VERSION {
            return Err(HelloRejection { message: "unsupported version", close: None });
        }
        let skew = hello.time.abs_diff(self.inbound.deps.clock.now().seconds());
        if hello.time != 0 && skew > CLOCK_SKEW {
            // Event name of federation §18.4.
            tracing::warn!(%peer, skew_seconds = skew, "federation.clock_skew");
        }
        Ok(Welcome {
            server: self.own.as_str().to_owned(),
            features: self.features(),
            is_native: self.peer.profile != Profile::Original,
        })
    }
}
