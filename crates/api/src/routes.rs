//! Router of this crate, and the layers around all routes.

use std::any::Any;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::ApiError;
use crate::guards::guards;
use crate::paths::{API, WELL_KNOWN};
use crate::request_layer::request_layer;
use crate::state::ApiState;
use crate::{bearer, files, health, openapi, well_known};

/// Router of files, health, public documents and unknown paths. Those of the API get 401 without a valid token and 404 with
/// one, all others 404 (http §2 row 11). Routes merged into it are public.
pub fn router(state: &ApiState) -> Router {
    let public = Router::new()
        .route("/health", get(health::health))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .layer(from_fn(health::never_cached))
        .merge(openapi::routes())
        .merge(well_known::routes(state.0.metadata.as_ref()))
        .route(WELL_KNOWN, any(well_known::not_found))
        .route("/.well-known/{*document}", any(well_known::not_found))
        .fallback(not_found)
        .with_state(state.clone());
    let files = if state.0.files.is_some() { files::routes() } else { Router::new() };
    let protected = files
        .route(API, any(not_found))
        .with_state(state.clone())
        .layer(from_fn_with_state(state.clone(), bearer::require));
    protected.merge(public)
}

/// Router of `/livez` and `/readyz` alone, without layers, for a listener of another purpose.
pub fn health_routes(state: &ApiState) -> Router {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .layer(from_fn(health::never_cached))
        .with_state(state.clone())
}

/// Wraps routes of another crate in the authentication of access tokens, which adds the
/// [`Caller`](less_sync_auth::Caller) to the extensions of their requests.
pub fn require_bearer(routes: Router, state: &ApiState) -> Router {
    routes.layer(from_fn_with_state(state.clone(), bearer::require))
}

/// Routes of files for other servers, whose requests carry the [`ForwardingServer`](less_sync_engine::ForwardingServer) in their
/// extensions: the routes are to be wrapped in the authentication of servers.
pub fn forwarded_files(state: &ApiState) -> Router {
    let files = if state.0.files.is_some() { files::forwarded_routes() } else { Router::new() };
    files.with_state(state.clone())
}

/// Wraps `router` in the layers of http §2, which apply to requests without a route too.
pub fn layers(router: Router, state: &ApiState) -> Router {
    router
        .layer(from_fn_with_state(state.clone(), guards))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), request_layer))
}

async fn not_found() -> ApiError {
    ApiError::NOT_FOUND
}

/// Responds to a panic of a handler. Its payload may contain request data, so it is left to the panic hook.
fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("request handler panicked");
    ApiError::INTERNAL.into_response()
}
