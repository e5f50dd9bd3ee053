//! Health routes (http §4): compatibility, liveness, readiness.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use crate::state::{ApiState, NodeStatus};

/// Response body of `/health` and `/livez`.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// Sections of optional parts of the server.
    #[serde(flatten)]
    sections: BTreeMap<&'static str, Value>,
}

/// Response body of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: Checks,
    /// Absent without a transport between nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Nodes>,
}

/// Nodes of the deployment. Not a check: a server serves without the others, only slower.
#[derive(Serialize)]
struct Nodes {
    /// `ok`, or `degraded` while messages between nodes do not arrive.
    status: &'static str,
    transport: &'static str,
    /// Number of other nodes.
    others: usize,
}

impl From<NodeStatus> for Nodes {
    fn from(node: NodeStatus) -> Self {
        let status = if node.is_up { "ok" } else { "degraded" };
        Self { status, transport: node.transport, others: node.nodes }
    }
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
    let sections = state.0.health_section.member().into_iter().collect();
    Json(Health { status: "healthy", error: None, sections }).into_response()
}

/// `/livez`: liveness. Accesses no dependency.
#[utoipa::path(get, path = "/livez", tag = "health", responses(
        (status = 200, description = "Alive"),
))]
pub(crate) async fn livez() -> impl IntoResponse {
    Json(Health { status: "ok", error: None, sections: BTreeMap::new() })
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
    let nodes = state.0.node.as_ref().map(|node| node().into());
    if checks.all_passed() {
        Json(Readiness { status: "ready", checks, nodes }).into_response()
    } else {
        unavailable(Readiness { status: "unready", checks: checks.failed(), nodes })
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
    unavailable(Health { status: "unhealthy", error: Some(error), sections: BTreeMap::new() })
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
