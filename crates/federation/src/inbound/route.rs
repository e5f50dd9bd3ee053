//! Route of the upgrade.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use axum::routing::any;
use http::Response;
use less_sync_core::{Close, PeerId};
use less_sync_engine::ForwardingServer;
use less_sync_realtime::LinkParts;

use super::Inbound;
use super::link::InboundLink;
use super::links::LinkSlot;
use super::own_name::OwnName;
use super::rejection::Rejection;

/// Path of the upgrade.
const PATH: &str = "/api/v1/federation/ws";

impl Inbound {
    /// Router with the route of the upgrade. It takes no bearer token (federation §7.5).
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().route(PATH, any(upgrade)).with_state(self.clone())
    }
}

/// Measures the lifetime of a link, and frees its place at its end.
struct LinkGuard {
    _slot: LinkSlot,
    inbound: Arc<Inbound>,
    peer: PeerId,
    opened: Instant,
}

impl Drop for LinkGuard {
    fn drop(&mut self) {
        let lifetime = self.inbound.deps.clock.instant().saturating_duration_since(self.opened);
        self.inbound.metrics.ended(&self.peer, lifetime);
    }
}

async fn upgrade(State(inbound): State<Arc<Inbound>>, mut request: Request) -> Response<Body> {
    let upgrade = match inbound.deps.endpoint.begin_link(&mut request) {
        Ok(upgrade) => upgrade,
        Err(response) => return response,
    };
    // Without the body, which cannot be shared between threads.
    let (head, _body) = request.into_parts();
    let authenticated = match inbound.authenticate(&head).await {
        Ok(authenticated) => authenticated,
        Err(rejection) => return rejection.into_response(),
    };
    let peer = authenticated.peer.id().clone();
    let now = inbound.deps.clock.instant();
    let state = inbound.states.of(&peer, now);
    if state.is_penalized(now) {
        return Rejection::Penalized.into_response();
    }
    let max = authenticated.peer.max_connections.unwrap_or(inbound.settings.max_connections);
    let (slot, is_within) = inbound.links.open(upgrade.id(), &peer, &authenticated.key_id, max);
    let own = OwnName::of(&inbound, &head.headers);
    let link = InboundLink {
        id: upgrade.id(),
        server: ForwardingServer::new(peer.as_str()),
        peer: authenticated.peer,
        own,
        state,
        inbound: inbound.clone(),
    };
    upgrade.accept(LinkParts {
        peer: Arc::new(link),
        limits: inbound.limits.clone(),
        close: (!is_within).then_some(Close::TOO_MANY_LINKS),
        guard: Box::new(LinkGuard { _slot: slot, inbound: inbound.clone(), peer, opened: now }),
    })
}
