//! `deks.get`, `deks.rewrap` and their twins for files (protocol §4.16–§4.18, newer-clients §4.3, §4.4).

mod list;
mod rows;

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::wire::DekField;
use less_sync_core::wire::deks::{DeksGetParams, DeksRewrapParams, DeksRewrapResult, RewrapEntry};
use less_sync_core::wire::method;
use less_sync_core::{Cursor, Dek, ErrorCode, SpaceId, limits};
use less_sync_engine::{Credentials, Listing};
use less_sync_storage::{DekPage, Rewrap, StoredDek};

use super::Finished;
use super::chunks::{Chunks, frames};
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;
use list::DekList;
pub(super) use rows::DekRows;

/// `deks.get`, `deks.getFiles`, `file.deks.get`. Every row twice: as a chunk for older clients, in the result for newer
/// ones; read once.
pub(super) async fn get<Id: DekRows>(connection: Arc<Connection>, call: Call) -> Finished {
    match try_get::<Id>(&connection, &call).await {
        Ok((chunks, rows)) => connection.answer(&call, Ok(Id::result(chunks, &rows))).await,
        Err(error) => connection.answer(&call, Err::<DeksRewrapResult, _>(error)).await,
    }
    Finished::default()
}

/// `deks.rewrap`, `deks.rewrapFiles`, `file.deks.rewrap`
pub(super) async fn rewrap<Id: DekRows>(connection: Arc<Connection>, call: Call) -> Finished {
    let result = try_rewrap::<Id>(&connection, &call).await;
    connection.answer(&call, result).await;
    Finished::default()
}

/// What is wrong with the params of this call, by the name that it was called by.
fn invalid_params(call: &Call) -> RpcError {
    let label = method::params_label(call.method()).unwrap_or_default();
    RpcError::new(ErrorCode::InvalidParams, format!("invalid {label} params"))
}

async fn try_get<Id: DekRows>(
    connection: &Connection,
    call: &Call,
) -> Result<(u64, Vec<StoredDek<Id>>), RpcError> {
    let params: DeksGetParams<'_> = call.params().map_err(|_| invalid_params(call))?;
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    // No space can be that far: beyond the ceiling of all cursors there is nothing.
    let since = Cursor::new(params.since).unwrap_or(Cursor::MAX);
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let mut listing = connection.endpoint.engine.list_deks::<Id>(credentials, space, since).await?;
    let mut list = DekList::new(listing.bounds().key_generation, limits::LIST_PAYLOAD);
    let chunks = stream(Chunks { connection, call }, &mut listing, &mut list).await?;
    // From here on the client knows all of it.
    connection.listed_deks.note(space, Id::KIND, listing.bounds().cursor);
    Ok((chunks, list.into_rows()))
}

/// Sends a chunk for every row and notes the rows in `list`; the next page is read while one is being sent.
async fn stream<Id: DekRows>(
    chunks: Chunks<'_>,
    listing: &mut Listing<Id>,
    list: &mut DekList<Id>,
) -> Result<u64, RpcError> {
    let mut count = 0;
    let mut page = listing.next_page().await?;
    while let Some(DekPage { deks, .. }) = page {
        count += deks.len() as u64;
        let frames = encode(chunks.call, &deks);
        for row in deks {
            list.add(row);
        }
        let (next, ()) = futures_util::join!(listing.next_page(), chunks.send(frames));
        page = next?;
    }
    Ok(count)
}

fn encode<Id: DekRows>(call: &Call, rows: &[StoredDek<Id>]) -> Vec<Bytes> {
    /// About what a chunk takes beside the id of its request, in bytes.
    const CHUNK: usize = 160;
    let capacity = rows.len() * (CHUNK + call.id().len());
    frames(rows, capacity, |out, row| Id::write_chunk(row, call.id(), out))
}

async fn try_rewrap<Id: DekRows>(connection: &Connection, call: &Call) -> Result<DeksRewrapResult, RpcError> {
    let params: DeksRewrapParams<'_> = call.params().map_err(|_| invalid_params(call))?;
    if params.deks.iter().any(|entry| entry.dek == DekField::Absent) {
        return Err(invalid_params(call));
    }
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let engine = &connection.endpoint.engine;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let grant = engine.authorize_rewrap::<Id>(credentials, space, params.deks.is_empty()).await?;
    let entries = params.deks.iter().map(|entry| checked(call.message(), entry));
    let entries: Vec<Rewrap<Id>> = entries.collect::<Result<_, _>>()?;
    engine.rewrap_deks(&grant, entries, connection.listed_deks.bound(space, Id::KIND)).await?;
    Ok(DeksRewrapResult { ok: true, count: params.deks.len() as u64 })
}

/// An entry, checked in the order of protocol §4.17. Two spellings that differ are a bad value.
fn checked<Id: DekRows>(message: &Bytes, entry: &RewrapEntry<'_>) -> Result<Rewrap<Id>, RpcError> {
    let bad = |message: &'static str| RpcError::new(ErrorCode::BadRequest, message);
    if entry.id.is_empty() {
        return Err(bad("invalid record: id must be non-empty string"));
    }
    let id = entry.id.parse().map_err(|_| bad("invalid record: id must be a valid UUID"))?;
    let dek = match entry.dek {
        DekField::Stated(bytes) => Dek::try_from(bytes).ok(),
        DekField::Absent | DekField::Conflicting { .. } => None,
    };
    let dek = dek.ok_or_else(|| bad("invalid record: wrapped DEK must be exactly 44 bytes"))?;
    let observed = entry.observed_wrapped_dek.map(|observed| message.slice_ref(observed));
    Ok(Rewrap { id, dek, observed })
}
