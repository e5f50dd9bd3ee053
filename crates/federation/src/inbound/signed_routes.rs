//! Authentication of plain HTTP requests of other servers by their signatures (federation §7.7).

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse as _;
use http::request::Parts;
use http::{HeaderValue, Response, header};
use less_sync_auth::federation::http_signature::{SignaturePolicy, TargetScheme};
use less_sync_engine::ForwardingServer;

use super::Inbound;
use super::rejection::Rejection;
use crate::signed_headers::{X_REQUEST_ID, signed};

impl Inbound {
    /// Wraps routes in the authentication of servers, which adds the [`ForwardingServer`] to the extensions of their requests.
    pub fn require_signature(self: &Arc<Self>, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), authenticated))
    }

    async fn admit_request(&self, request: &Parts) -> Result<ForwardingServer, Rejection> {
        let policy = SignaturePolicy {
            schemes: vec![TargetScheme::Https, TargetScheme::Http],
            binding_header: X_REQUEST_ID,
            require_bound: true,
            ..self.settings.signatures.clone()
        };
        let is_sent = |name: &&str| request.headers.contains_key(*name);
        let sent: Vec<&str> = signed().filter(|name| is_sent(name)).collect();
        let covers_all = self.authenticate_by(&policy, request, |input| {
            input.covers(X_REQUEST_ID) && sent.iter().all(|name| input.covers(name))
        });
        let peer = covers_all.await?.peer;
        let clock = &self.deps.clock;
        let state = self.states.of(peer.id(), clock.instant());
        if state.is_penalized(clock.instant()) {
            return Err(Rejection::Penalized);
        }
        let charged = state.charge_call(false, &self.quotas_of(peer.id()), clock.instant());
        let wait = charged.map_err(|_exceeded| Rejection::Penalized)?;
        if !wait.is_zero() {
            clock.sleep_until(clock.instant() + wait).await;
        }
        Ok(ForwardingServer::new(peer.id().as_str()))
    }
}

async fn authenticated(State(inbound): State<Arc<Inbound>>, request: Request, next: Next) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    match inbound.admit_request(&head).await {
        Ok(server) => {
            head.extensions.insert(server);
            next.run(Request::from_parts(head, body)).await
        }
        Err(rejection) => {
            let mut response = rejection.into_response();
            // The body was not read.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}
