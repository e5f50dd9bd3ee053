//! Routes of the admin listener.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{StatusCode, header};
use less_sync_api::ApiState;
use less_sync_metrics::{CONTENT_TYPE, Registry};
use serde::Deserialize;
use serde_json::{Value, json};

use super::guard::AdminGuard;
use crate::log_filter::LogFilter;
use crate::store::Store;
use crate::tasks::Tasks;

/// State that the admin routes show or change.
pub(crate) struct AdminState {
    pub(crate) metrics: Arc<Registry>,
    pub(crate) tasks: Tasks,
    pub(crate) store: Store,
    /// Setter of the log filter; `None` where the log belongs to another program.
    pub(crate) log: Option<LogFilter>,
}

type Shared = State<Arc<AdminState>>;

/// Router of all routes, behind `guard`.
pub(super) fn router(state: AdminState, api: &ApiState, guard: Arc<AdminGuard>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/debug/tasks", get(tasks))
        .route("/debug/pool", get(pool))
        .route("/debug/log", post(set_log_filter))
        .with_state(Arc::new(state))
        .merge(less_sync_api::health_routes(api))
        .fallback(async || error(StatusCode::NOT_FOUND, "not found"))
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
async fn set_log_filter(State(state): Shared, query: Result<Query<FilterQuery>, QueryRejection>) -> Response {
    let Ok(Query(FilterQuery { filter })) = query else {
        return error(StatusCode::BAD_REQUEST, "missing query parameter \"filter\"");
    };
    let Some(log) = &state.log else {
        return error(StatusCode::NOT_IMPLEMENTED, "the log filter of this process cannot be changed");
    };
    match log.set(&filter) {
        Ok(()) => Json(json!({ "filter": filter })).into_response(),
        Err(problem) => error(StatusCode::BAD_REQUEST, &format!("invalid log filter: {problem:#}")),
    }
}

fn error(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
