//! The routes of this crate and the layers round everybody's.

use std::any::Any;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tower_http::catch_panic::CatchPanicLayer;

use crate::envelope::envelope;
use crate::error::ApiError;
use crate::gates::gates;
use crate::state::ApiState;
use crate::{bearer, files, health, openapi, well_known};

/// Where public documents are.
pub(crate) const WELL_KNOWN: &str = "/.well-known/";
/// The upgrade routes decide themselves in which order a bad request meets a stopping server, and keep their plain
/// answers (protocol §1.2).
const UPGRADE_ROUTES: [&str; 1] = ["/api/v1/ws"];
/// Routes that say by themselves that the server is about to stop.
const HEALTH_ROUTES: [&str; 3] = ["/health", "/livez", "/readyz"];

/// Health, the well-known space, and what unknown paths get: 401 without a valid token, 404 with one (http §2 row 11).
/// Routes merged into it are public.
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
        .with_state(state.clone());
    let files = if state.0.files.is_some() { files::routes() } else { Router::new() };
    let protected = files
        .with_state(state.clone())
        .fallback(not_found)
        .layer(from_fn_with_state(state.clone(), bearer::require));
    protected.merge(public)
}

/// Puts the layers of http §2 round `router`. They see every request, whether or not a route takes it.
pub fn layers(router: Router, state: &ApiState) -> Router {
    router
        .layer(from_fn_with_state(state.clone(), gates))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), envelope))
}

/// Whether a path is that of an upgrade route.
pub(crate) fn is_upgrade_route(path: &str) -> bool {
    UPGRADE_ROUTES.contains(&path)
}

/// Whether requests to a path reach their route while the server drains.
pub(crate) fn answers_while_draining(path: &str) -> bool {
    HEALTH_ROUTES.contains(&path) || is_upgrade_route(path)
}

async fn not_found() -> ApiError {
    ApiError::NOT_FOUND
}

/// The panic itself, which could hold anything, goes to the process' panic hook only.
fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    ApiError::INTERNAL.into_response()
}
