//! `/admin/connections`: open connections, and their disconnection.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use less_sync_core::ConnectionId;
use less_sync_realtime::{ConnectionStage, ConnectionState};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{AdminError, hash_text, parse_hash};
use super::query::{Limit, Parameters};
use super::state::{AdminState, Shared};

/// Order of the list, the largest first.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// Age: the oldest connection first.
    #[default]
    Age,
    /// Bytes of all outbound queues.
    Queued,
    /// Bytes of the client.
    BytesIn,
    /// Bytes for the client.
    BytesOut,
    /// Watched spaces.
    Subscriptions,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    sort: Order,
    /// Hash of a user.
    actor: Option<String>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    reveal: bool,
}

/// `GET /admin/connections`: a page of the open connections.
pub(super) async fn list(
    State(state): Shared,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Value>, AdminError> {
    let actor = query.actor.as_deref().map(parse_hash).transpose()?;
    let mut open = state.endpoint.connections();
    if let Some(actor) = actor {
        open.retain(|connection| connection.actor.as_ref().is_some_and(|known| known.hash == actor));
    }
    sort(&mut open, query.sort);
    note_reveal(query.reveal, "/admin/connections");
    let page = open.iter().skip(query.offset).take(query.limit.0);
    let page: Vec<_> = page.map(|connection| describe(&state, connection, query.reveal)).collect();
    Ok(Json(json!({ "connections": page, "offset": query.offset, "total": open.len() })))
}

fn sort(open: &mut [ConnectionState], order: Order) {
    match order {
        Order::Age => open.sort_by_key(|connection| (connection.opened, connection.id)),
        Order::Queued => open.sort_by_key(|connection| Reverse((queued(connection), connection.id))),
        Order::BytesIn => {
            open.sort_by_key(|connection| Reverse((connection.traffic.bytes_in, connection.id)));
        }
        Order::BytesOut => {
            open.sort_by_key(|connection| Reverse((connection.traffic.bytes_out, connection.id)));
        }
        Order::Subscriptions => {
            open.sort_by_key(|connection| Reverse((connection.subscriptions, connection.id)));
        }
    }
}

fn queued(connection: &ConnectionState) -> usize {
    connection.queued.iter().sum()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowQuery {
    #[serde(default)]
    reveal: bool,
}

/// `GET /admin/connections/{id}`: one connection, with the spaces that it watches.
pub(super) async fn show(
    State(state): Shared,
    Path(id): Path<String>,
    Parameters(query): Parameters<ShowQuery>,
) -> Result<Json<Value>, AdminError> {
    let id = parse(&id)?;
    let (connection, mut spaces) = state.endpoint.connection(id).ok_or_else(not_open)?;
    spaces.sort_unstable();
    note_reveal(query.reveal, "/admin/connections/{id}");
    let mut shown = describe(&state, &connection, query.reveal);
    add(&mut shown, "spaces", spaces.iter().map(ToString::to_string).collect());
    Ok(Json(shown))
}

/// `DELETE /admin/connections/{id}`: closes one connection.
pub(super) async fn disconnect(
    State(state): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let id = parse(&id)?;
    if !state.endpoint.disconnect(id) {
        return Err(not_open());
    }
    tracing::info!(connection_id = %id, "connection closed by the operator");
    Ok(Json(json!({ "disconnected": 1 })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActorQuery {
    actor: String,
}

/// `DELETE /admin/connections?actor=…`: closes all connections of one user.
pub(super) async fn disconnect_actor(
    State(state): Shared,
    Parameters(query): Parameters<ActorQuery>,
) -> Result<Json<Value>, AdminError> {
    let disconnected = state.endpoint.disconnect_actor(parse_hash(&query.actor)?);
    tracing::info!(disconnected, "connections of a user closed by the operator");
    Ok(Json(json!({ "disconnected": disconnected })))
}

fn parse(id: &str) -> Result<ConnectionId, AdminError> {
    id.parse().map_err(|_| AdminError::bad_request("connection id is not a UUID"))
}

fn not_open() -> AdminError {
    AdminError::not_found("connection is not open")
}

/// Logs that identities were shown in clear.
fn note_reveal(reveal: bool, route: &'static str) {
    if reveal {
        tracing::warn!(route, "identities revealed to the operator");
    }
}

fn describe(state: &Arc<AdminState>, connection: &ConnectionState, reveal: bool) -> Value {
    let [reply, event, ephemeral] = connection.queued;
    let mut shown = json!({
        "id": connection.id.to_string(),
        "actor": connection.actor.as_ref().map(|actor| hash_text(actor.hash)),
        "stage": stage_name(connection.stage),
        "opened_ms": connection.opened.millis(),
        "age_seconds": state.seconds_since(connection.opened),
        "subscriptions": connection.subscriptions,
        "queued_bytes": { "reply": reply, "event": event, "ephemeral": ephemeral },
        "messages_in": connection.traffic.messages_in,
        "bytes_in": connection.traffic.bytes_in,
        "messages_out": connection.traffic.messages_out,
        "bytes_out": connection.traffic.bytes_out,
    });
    if let Some(actor) = connection.actor.as_ref().filter(|_| reveal) {
        let caller = &actor.caller;
        add(&mut shown, "issuer", caller.issuer.as_str().into());
        add(&mut shown, "user", caller.user_id.as_str().into());
        add(&mut shown, "client", caller.client_id.as_str().into());
    }
    shown
}

fn add(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

fn stage_name(stage: ConnectionStage) -> &'static str {
    match stage {
        ConnectionStage::Handshake => "handshake",
        ConnectionStage::Active => "active",
        ConnectionStage::Closing => "closing",
    }
}
