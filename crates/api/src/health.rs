//! Health routes (http §4): compatibility, liveness, readiness.

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::state::ApiState;

/// Response body of `/health` and `/livez`.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// Response body of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: Checks,
}

/// Checks in the order of http §4: all of them if the server is ready, else the failed ones.
#[derive(Default, Serialize)]
struct Checks {
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<Check>,
    /// Absent without an object store.
    #[serde(skip_serializing_if = "Option::is_none")]
    blobs: Option<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draining: Option<Check>,
}

#[derive(Serialize)]
struct Check {
    status: &'static str,
    /// Issuers without a usable key set. The check passes as long as one issuer has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without_keys: Vec<String>,
    #[serde(skip)]
    passed: bool,
}

impl Check {
    fn of(passed: bool) -> Self {
        Self { status: if passed { "ok" } else { "failed" }, without_keys: Vec::new(), passed }
    }
}

/// `/health`: health of server and database, for container health checks and old clients.
#[utoipa::path(get, path = "/health", tag = "health", responses(
        (status = 200, description = "Healthy"),
        (status = 503, description = "Unhealthy, with the failed check"),
))]
pub(crate) async fn health(State(state): State<ApiState>) -> Response {
    if state.0.draining.has_begun() {
        return unhealthy("shutting down");
    }
    if !state.0.database.passes().await {
        return unhealthy("database unavailable");
    }
    Json(Health { status: "healthy", error: None }).into_response()
}

/// `/livez`: liveness. Accesses no dependency.
#[utoipa::path(get, path = "/livez", tag = "health", responses(
        (status = 200, description = "Alive"),
))]
pub(crate) async fn livez() -> impl IntoResponse {
    Json(Health { status: "ok", error: None })
}

/// `/readyz`: readiness, for load balancers.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
        (status = 200, description = "Ready"),
        (status = 503, description = "Unready, with the failed checks"),
))]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Response {
    let checks = Checks {
        database: Some(Check::of(state.0.database.passes().await)),
        blobs: blobs(&state).await,
        keys: Some(keys(&state)),
        draining: Some(Check::of(!state.0.draining.has_begun())),
    };
    if checks.all_passed() {
        Json(Readiness { status: "ready", checks }).into_response()
    } else {
        unavailable(Readiness { status: "unready", checks: checks.failed() })
    }
}

async fn blobs(state: &ApiState) -> Option<Check> {
    Some(Check::of(state.0.blobs.as_ref()?.passes().await))
}

impl Checks {
    fn all_passed(&self) -> bool {
        let Self { database, blobs, keys, draining } = self;
        [database, blobs, keys, draining].into_iter().flatten().all(|check| check.passed)
    }

    fn failed(self) -> Self {
        let failed = |check: Option<Check>| check.filter(|check| !check.passed);
        let Self { database, blobs, keys, draining } = self;
        Self {
            database: failed(database),
            blobs: failed(blobs),
            keys: failed(keys),
            draining: failed(draining),
        }
    }
}

/// Passes if at least one issuer has a usable key set.
fn keys(state: &ApiState) -> Check {
    let issuers = state.0.authenticator.issuers();
    let usable = issuers.iter().any(|(_, usable)| *usable);
    let without_keys = issuers.into_iter().filter(|(_, usable)| !usable).map(|(issuer, _)| issuer).collect();
    Check { without_keys, ..Check::of(usable) }
}

fn unhealthy(error: &'static str) -> Response {
    unavailable(Health { status: "unhealthy", error: Some(error) })
}

fn unavailable(body: impl Serialize) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], Json(body)).into_response()
}

/// Adds `Cache-Control: no-store`: a cached health response is misleading.
pub(crate) async fn never_cached(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
