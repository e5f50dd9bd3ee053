//! Routes about peers for users of this server (federation §18.1).

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use less_sync_auth::Caller;
use less_sync_core::CanonicalDomain;
use serde::Serialize;

use super::Inbound;
use super::peer_state::HourlyUsage;
use crate::trust::TrustLevel;

/// Body of `/trusted`.
#[derive(Serialize)]
struct Trusted {
    domains: Vec<String>,
}

/// Body of `/status/{domain}`.
#[derive(Serialize)]
struct Status {
    domain: String,
    connections: usize,
    spaces: usize,
    records_this_hour: u64,
    bytes_this_hour: u64,
    invitations_this_hour: u64,
}

impl Inbound {
    /// Router with the routes for users. The caller wraps it in the authentication of access tokens, which adds the
    /// [`Caller`] to the extensions of a request.
    pub fn status_router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/api/v1/federation/trusted", get(trusted))
            .route("/api/v1/federation/status/{domain}", get(status))
            .with_state(self.clone())
    }

    fn is_enabled(&self) -> bool {
        self.deps.trust.snapshot().accepts_links(self.settings.has_discovery)
    }
}

async fn trusted(State(inbound): State<Arc<Inbound>>) -> Response {
    if !inbound.is_enabled() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let trust = inbound.deps.trust.snapshot();
    let peers = trust.peers().filter(|peer| peer.trust == TrustLevel::Trusted);
    let mut domains: Vec<_> = peers.map(|peer| peer.domain.to_string()).collect();
    domains.sort();
    Json(Trusted { domains }).into_response()
}

/// Makes no state for unknown domains.
async fn status(
    State(inbound): State<Arc<Inbound>>,
    Path(domain): Path<String>,
    caller: Extension<Caller>,
) -> Response {
    let is_in_scope = |scope: &String| caller.scopes.contains(scope);
    if !inbound.settings.status_scope.as_ref().is_none_or(is_in_scope) {
        let body = serde_json::json!({ "error": "scope required" });
        return (StatusCode::FORBIDDEN, Json(body)).into_response();
    }
    let (trust, not_found) = (inbound.deps.trust.snapshot(), StatusCode::NOT_FOUND.into_response());
    let Ok(domain) = domain.parse::<CanonicalDomain>() else { return not_found };
    let Some(peer) = trust.peer(domain.peer()).filter(|peer| peer.trust == TrustLevel::Trusted) else {
        return not_found;
    };
    if !inbound.is_enabled() {
        return not_found;
    }
    let (now, state) = (inbound.deps.clock.instant(), inbound.states.known(peer.id()));
    let usage = state.as_ref().map(|state| state.hourly(&inbound.quotas_of(peer.id()), now));
    let HourlyUsage { records, bytes, invitations } = usage.unwrap_or_default();
    Json(Status {
        domain: domain.to_string(),
        connections: inbound.links.count_of(peer.id()),
        spaces: state.map_or(0, |state| state.watched.count()),
        records_this_hour: records,
        bytes_this_hour: bytes,
        invitations_this_hour: invitations,
    })
    .into_response()
}
