//! `deks.get`, `deks.rewrap` and their twins for files (protocol §4.16–§4.18, newer-clients §4.3, §4.4).

mod list;
mod rows;

use bytes::Bytes;
use less_sync_core::wire::DekField;
use less_sync_core::wire::deks::{DeksGetParams, DeksRewrapParams, DeksRewrapResult, RewrapEntry};
use less_sync_core::{Cursor, Dek, DekKind, FileId, RecordId, limits};
use less_sync_engine::Listing;
use less_sync_storage::{DekId, Rewrap, StoredDek};

use super::params::space_id;
use super::stream::{Response, Stream, frames};
use crate::context::Context;
use crate::listed_dek_bounds::Listed;
use crate::rpc_error::RpcError;
use list::DekList;
pub(super) use rows::ListingResult;

/// `deks.get`
pub(super) async fn get(
    stream: Stream<'_>,
    params: DeksGetParams<'_>,
) -> Result<Response<ListingResult>, RpcError> {
    list(stream, params, DekKind::Record).await
}

/// `deks.getFiles`
pub(super) async fn get_files(
    stream: Stream<'_>,
    params: DeksGetParams<'_>,
) -> Result<Response<ListingResult>, RpcError> {
    list(stream, params, DekKind::File).await
}

/// Lists the keys of `kind`. Every row is sent twice, as a chunk for older clients and in the result for newer ones, but
/// read once.
async fn list(
    stream: Stream<'_>,
    params: DeksGetParams<'_>,
    kind: DekKind,
) -> Result<Response<ListingResult>, RpcError> {
    let space = space_id(params.space)?;
    // No space reaches a cursor above the maximum: beyond it the listing is empty.
    let since = Cursor::new(params.since).unwrap_or(Cursor::MAX);
    let context = stream.context;
    let credentials = context.credentials(params.ucan, params.home_server);
    // A home server gets the rewraps before the listing (federation FW-6).
    context.connection().forwards.handed_over(space).await;
    let mut listing = context.engine().list_deks(credentials, kind, space, since).await?;
    let key_generation = listing.bounds().map(|bounds| bounds.key_generation);
    let mut list = DekList::new(kind, key_generation, limits::LIST_PAYLOAD);
    let chunks = send_rows(stream, &mut listing, &mut list).await?;
    // Recorded only now: a listing that ended early must not allow a rewrap of rows that the client has not seen. The home of
    // a space that another server holds records the listing itself.
    if let Some(bounds) = listing.bounds() {
        let listed = Listed { space, kind, reader: listing.reader().cloned() };
        context.connection().listed_dek_bounds.record(listed, bounds.cursor);
    }
    Ok(ListingResult { kind, chunks, rows: list.into_rows() }.into())
}

/// Sends a chunk for every row and adds the rows to `list`. The next page is read while the current one is sent.
async fn send_rows(stream: Stream<'_>, listing: &mut Listing, list: &mut DekList) -> Result<u64, RpcError> {
    let mut count = 0;
    let mut page = listing.next_page().await?;
    while let Some(deks) = page {
        count += deks.len() as u64;
        let frames = encode(stream.id(), listing.kind(), &deks);
        for row in deks {
            list.add(row);
        }
        let (next, ()) = futures_util::future::join(listing.next_page(), stream.send(frames)).await;
        page = next?;
    }
    Ok(count)
}

fn encode(request_id: &str, kind: DekKind, rows: &[StoredDek]) -> Vec<Bytes> {
    /// Approximate size of a chunk without the id of its request, in bytes.
    const CHUNK: usize = 160;
    let capacity = rows.len() * (CHUNK + request_id.len());
    frames(rows, capacity, |out, row| rows::write_chunk(kind, row, request_id, out))
}

/// `deks.rewrap`
pub(super) async fn rewrap(
    context: &Context,
    params: DeksRewrapParams<'_>,
) -> Result<DeksRewrapResult, RpcError> {
    replace(context, params, DekKind::Record).await
}

/// `deks.rewrapFiles`
pub(super) async fn rewrap_files(
    context: &Context,
    params: DeksRewrapParams<'_>,
) -> Result<DeksRewrapResult, RpcError> {
    replace(context, params, DekKind::File).await
}

/// Replaces keys of `kind`. Authorizes, then validates.
async fn replace(
    context: &Context,
    params: DeksRewrapParams<'_>,
    kind: DekKind,
) -> Result<DeksRewrapResult, RpcError> {
    if params.deks.iter().any(|entry| entry.dek == DekField::Absent) {
        return Err(context.invalid_params());
    }
    let space = space_id(params.space)?;
    let (engine, credentials) = (context.engine(), context.credentials(params.ucan, params.home_server));
    let right = engine.authorize_rewrap(credentials, kind, space, params.deks.is_empty()).await?;
    let entries = params.deks.iter().map(|entry| checked(context.call().message(), kind, entry));
    let entries: Vec<Rewrap> = entries.collect::<Result<_, _>>()?;
    let listed = Listed { space, kind, reader: right.reader().cloned() };
    let bound = context.connection().listed_dek_bounds.bound(&listed);
    engine.rewrap_deks(&right, kind, entries, bound).await?;
    Ok(DeksRewrapResult { ok: true, count: params.deks.len() as u64 })
}

/// Checks an entry in the order of protocol §4.17. Two spellings of the key that differ are a bad value.
fn checked(message: &Bytes, kind: DekKind, entry: &RewrapEntry<'_>) -> Result<Rewrap, RpcError> {
    let bad = RpcError::bad_request;
    if entry.id.is_empty() {
        return Err(bad("invalid record: id must be non-empty string"));
    }
    let id = parse_id(kind, entry.id).ok_or_else(|| bad("invalid record: id must be a valid UUID"))?;
    let dek = match entry.dek {
        DekField::Stated(bytes) => Dek::try_from(bytes).ok(),
        DekField::Absent | DekField::Conflicting { .. } => None,
    };
    let dek = dek.ok_or_else(|| bad("invalid record: wrapped DEK must be exactly 44 bytes"))?;
    let observed = entry.observed_wrapped_dek.map(|observed| message.slice_ref(observed));
    Ok(Rewrap { id, dek, observed })
}

/// Parses an id by the rules of its kind: a record in the hyphenated form only, a file in any form.
fn parse_id(kind: DekKind, text: &str) -> Option<DekId> {
    match kind {
        DekKind::Record => text.parse::<RecordId>().ok().map(DekId::from),
        DekKind::File => text.parse::<FileId>().ok().map(DekId::from),
    }
}
