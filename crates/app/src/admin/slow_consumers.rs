//! `/admin/slow-consumers`: connections closed because they read too slowly, and those that are about to be.

use std::cmp::Reverse;

use axum::Json;
use axum::extract::State;
use less_sync_realtime::{ConnectionState, SlowConsumer};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{AdminError, hash_text};
use super::query::{Limit, Parameters};
use super::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    limit: Limit,
}

/// `GET /admin/slow-consumers`: the last closed ones, the newest first, and the open connections with queued durable events,
/// the longest queue first.
pub(super) async fn list(
    State(state): Shared,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Value>, AdminError> {
    let mut behind = state.endpoint.connections();
    behind.retain(|connection| event_bytes(connection) > 0);
    behind.sort_by_key(|connection| Reverse((event_bytes(connection), connection.id)));
    let behind = behind.iter().take(query.limit.0).map(|connection| {
        json!({
            "id": connection.id.to_string(),
            "actor": connection.actor.as_ref().map(|actor| hash_text(actor.hash)),
            "event_bytes": event_bytes(connection),
            "age_seconds": state.seconds_since(connection.opened),
        })
    });
    let behind: Vec<_> = behind.collect();
    let closed = state.endpoint.slow_consumers();
    let closed: Vec<_> = closed.iter().take(query.limit.0).map(describe).collect();
    let bound = state.endpoint.event_queue_bytes();
    Ok(Json(json!({ "bound_bytes": bound, "behind": behind, "closed": closed })))
}

/// Bytes of the queue whose overflow closes a connection.
fn event_bytes(connection: &ConnectionState) -> usize {
    let [_reply, event, _ephemeral] = connection.queued;
    event
}

fn describe(closed: &SlowConsumer) -> Value {
    json!({
        "at_ms": closed.at.millis(),
        "id": closed.connection.to_string(),
        "actor": closed.actor.map(hash_text),
        "lifetime_seconds": closed.at.since(closed.opened).as_secs_f64(),
        "subscriptions": closed.subscriptions,
        "messages_out": closed.traffic.messages_out,
        "bytes_out": closed.traffic.bytes_out,
    })
}
