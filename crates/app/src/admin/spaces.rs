//! `/admin/spaces` and `/admin/rewraps`: spaces by bytes, watchers or id, pending rewraps, and the removal of a space.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use less_sync_core::{Epoch, ErrorChain, SpaceId};
use less_sync_storage::{ListedSpace, RowCounts, Storage, StorageError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::AdminError;
use super::query::{Limit, Parameters};
use super::state::{AdminState, Shared};
use super::walk::Walk;

/// Bound of the counts of rows in a list, of each kind.
const COUNTED_IN_LIST: u32 = 1_000;

/// Bound of the counts of rows of one space, of each kind.
const COUNTED: u32 = 100_000;

/// Transactions of one request for the removal of a space.
const PURGE_STEPS: usize = 20;

/// Order of the list.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// Ascending ids.
    #[default]
    Id,
    /// Stored bytes, the most first.
    Bytes,
    /// Watchers, the most first.
    Watchers,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    sort: Order,
    after: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RewrapQuery {
    after: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /admin/spaces`: a page of the spaces.
pub(super) async fn list(
    State(state): Shared,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Value>, AdminError> {
    let (storage, limit) = (state.store.storage(), query.limit.0);
    let mut walk = Walk::after(query.after.as_deref().map(parse).transpose()?);
    let spaces = match query.sort {
        Order::Id => walk.first(&*storage, limit, |_| true).await,
        Order::Bytes => walk.largest(&*storage, limit, |space| space.stored_bytes).await,
        Order::Watchers => {
            let spaces = most_watched(&state, &*storage, limit).await.map_err(|error| failed(&error))?;
            return answer(&state, &*storage, &spaces, None).await;
        }
    };
    let spaces = spaces.map_err(|error| failed(&error))?;
    answer(&state, &*storage, &spaces, Some(&walk)).await
}

/// `GET /admin/rewraps`: spaces with data keys that still have to be rewrapped.
pub(super) async fn rewraps(
    State(state): Shared,
    Parameters(query): Parameters<RewrapQuery>,
) -> Result<Json<Value>, AdminError> {
    let storage = state.store.storage();
    let mut walk = Walk::after(query.after.as_deref().map(parse).transpose()?);
    let pending = walk.first(&*storage, query.limit.0, |space| space.rewrap_epoch.is_some()).await;
    answer(&state, &*storage, &pending.map_err(|error| failed(&error))?, Some(&walk)).await
}

/// `GET /admin/spaces/{id}`: one space.
pub(super) async fn show(State(state): Shared, Path(id): Path<String>) -> Result<Json<Value>, AdminError> {
    let (storage, id) = (state.store.storage(), parse(&id)?);
    let space = find(&*storage, id).await.map_err(|error| failed(&error))?.ok_or_else(absent)?;
    let rows = storage.count_rows(id, COUNTED).await.map_err(|error| failed(&error))?;
    Ok(Json(describe(&state, &space, rows, COUNTED)))
}

/// `DELETE /admin/spaces/{id}`: removes a part of a space. To be repeated until it is done.
pub(super) async fn purge(State(state): Shared, Path(id): Path<String>) -> Result<Json<Value>, AdminError> {
    let space = parse(&id)?;
    let purged = state.endpoint.purge_space(space, PURGE_STEPS).await.map_err(|error| failed(&error))?;
    let purged = purged.ok_or_else(absent)?;
    tracing::info!(rows = purged.rows, done = purged.is_done, "space removed by the operator");
    tracing::debug!(space_id = %space, "removed space");
    Ok(Json(json!({ "rows": purged.rows, "done": purged.is_done })))
}

/// The watched spaces with the most watchers.
async fn most_watched(
    state: &AdminState,
    storage: &dyn Storage,
    limit: usize,
) -> Result<Vec<ListedSpace>, StorageError> {
    let mut watched = state.endpoint.watchers();
    watched.sort_unstable_by_key(|(space, watchers)| (Reverse(*watchers), *space));
    let mut spaces = Vec::new();
    for (space, _) in watched.into_iter().take(limit) {
        spaces.extend(find(storage, space).await?);
    }
    Ok(spaces)
}

/// The space with this id, by a listing of one.
async fn find(storage: &dyn Storage, id: SpaceId) -> Result<Option<ListedSpace>, StorageError> {
    let before = u128::from_be_bytes(*id.as_bytes()).checked_sub(1);
    let before = before.map(|number| SpaceId::from_bytes(number.to_be_bytes()));
    Ok(storage.list_spaces(before, 1).await?.pop().filter(|space| space.id == id))
}

/// Answer with these spaces. `walk`: the walk that found them, which may not be over.
async fn answer(
    state: &Arc<AdminState>,
    storage: &dyn Storage,
    spaces: &[ListedSpace],
    walk: Option<&Walk>,
) -> Result<Json<Value>, AdminError> {
    let mut shown = Vec::new();
    for space in spaces {
        let rows = storage.count_rows(space.id, COUNTED_IN_LIST).await.map_err(|error| failed(&error))?;
        shown.push(describe(state, space, rows, COUNTED_IN_LIST));
    }
    let visited = walk.map_or(spaces.len() as u64, Walk::visited);
    let next = walk.and_then(Walk::next).map(|space| space.to_string());
    Ok(Json(json!({ "spaces": shown, "visited": visited, "next_after": next })))
}

fn describe(state: &AdminState, space: &ListedSpace, rows: RowCounts, bound: u32) -> Value {
    json!({
        "id": space.id.to_string(),
        "kind": if space.is_shared { "shared" } else { "personal" },
        "stored_bytes": space.stored_bytes,
        "rows": { "records": rows.records, "files": rows.files, "members": rows.members },
        "rows_bound": bound,
        "watchers": state.endpoint.watchers_of(space.id),
        "cursor": space.cursor.as_i64(),
        "key_generation": space.key_generation.get(),
        "rewrap_epoch": space.rewrap_epoch.map(Epoch::get),
        "home_server": space.home_server,
    })
}

fn parse(id: &str) -> Result<SpaceId, AdminError> {
    id.parse().map_err(|_| AdminError::bad_request("space id is not a UUID"))
}

fn absent() -> AdminError {
    AdminError::not_found("space does not exist")
}

fn failed(error: &StorageError) -> AdminError {
    tracing::error!(error = %ErrorChain(error), "storage operation of the operator failed");
    AdminError::new(StatusCode::SERVICE_UNAVAILABLE, "the database failed: see the log of the server")
}
