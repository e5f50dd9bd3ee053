//! Routes of the admin listener (operations §9.1).

use std::sync::Arc;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{StatusCode, header};
use less_sync_api::ApiState;
use less_sync_metrics::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::AdminError;
use super::guard::AdminGuard;
use super::query::Parameters;
use super::state::{AdminState, Shared};
use super::{connections, denials, slow_consumers, spaces};

/// Router of all routes, behind `guard`.
pub(super) fn router(state: AdminState, api: &ApiState, guard: Arc<AdminGuard>) -> Router {
    let disconnect = get(connections::show).delete(connections::disconnect);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/debug/tasks", get(tasks))
        .route("/debug/pool", get(pool))
        .route("/debug/log", post(set_log_filter))
        .route("/admin/connections", get(connections::list).delete(connections::disconnect_actor))
        .route("/admin/connections/{id}", disconnect)
        .route("/admin/slow-consumers", get(slow_consumers::list))
        .route("/admin/denials", get(denials::list))
        .route("/admin/spaces", get(spaces::list))
        .route("/admin/spaces/{id}", get(spaces::show).delete(spaces::purge))
        .route("/admin/rewraps", get(spaces::rewraps))
        .with_state(Arc::new(state))
        .merge(less_sync_api::health_routes(api))
        .fallback(async || AdminError::not_found("not found"))
        .layer(from_fn_with_state(guard, AdminGuard::check))
}

/// `/metrics`: current values, as OpenMetrics text.
async fn metrics(State(state): Shared) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], state.metrics.render())
}

/// `/debug/tasks`: running tasks by name, with their number and the age of the oldest one in seconds.
async fn tasks(State(state): Shared) -> Json<Value> {
    let running = state.tasks.running_since().into_iter().map(|(name, count, oldest)| {
        json!({ "name": name, "running": count, "oldest_seconds": oldest.as_secs_f64() })
    });
    Json(json!({ "tasks": running.collect::<Vec<_>>() }))
}

/// `/debug/pool`: database connections by state, and operations that wait for one.
async fn pool(State(state): Shared) -> Json<Value> {
    let pool = state.store.pool_state();
    Json(json!({ "idle": pool.idle, "used": pool.used, "waiting": pool.waiting }))
}

#[derive(Deserialize)]
struct FilterQuery {
    filter: String,
}

/// `POST /debug/log?filter=…`: replaces the log filter until the next one, or a reload by SIGHUP.
async fn set_log_filter(
    State(state): Shared,
    Parameters(FilterQuery { filter }): Parameters<FilterQuery>,
) -> Result<Json<Value>, AdminError> {
    let Some(log) = &state.log else {
        let text = "the log filter of this process cannot be changed";
        return Err(AdminError::new(StatusCode::NOT_IMPLEMENTED, text));
    };
    match log.set(&filter) {
        Ok(()) => Ok(Json(json!({ "filter": filter }))),
        Err(problem) => Err(AdminError::bad_request(format!("invalid log filter: {problem:#}"))),
    }
}
