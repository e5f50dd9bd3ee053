//! `deks.get`, `deks.rewrap` and their twins for files (protocol §4.16–§4.18, newer-clients §4.3, §4.4).

mod list;
mod rows;

use bytes::Bytes;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::DekField;
use less_sync_core::wire::deks::{DeksGetParams, DeksRewrapParams, DeksRewrapResult, RewrapEntry};
use less_sync_core::{Cursor, Dek, limits};
use less_sync_engine::Listing;
use less_sync_storage::{DekPage, Rewrap, StoredDek};

use super::params::space_id;
use super::stream::{Response, Stream, frames};
use crate::context::Context;
use crate::rpc_error::RpcError;
use list::DekList;
pub(super) use rows::DekRows;

/// `deks.get`, `deks.getFiles`. Every row is sent twice, as a chunk for older clients and in the result for newer ones,
/// but read once.
pub(super) async fn get<Id: DekRows>(
    stream: Stream<'_>,
    params: DeksGetParams<'_>,
) -> Result<Response<DekListing<Id>>, RpcError> {
    let space = space_id(params.space)?;
    // No space reaches a cursor above the maximum: beyond it the listing is empty.
    let since = Cursor::new(params.since).unwrap_or(Cursor::MAX);
    let context = stream.context;
    let credentials = context.credentials(params.ucan);
    let mut listing = context.engine().list_deks::<Id>(credentials, space, since).await?;
    let mut list = DekList::new(listing.bounds().key_generation, limits::LIST_PAYLOAD);
    let chunks = send_rows(stream, &mut listing, &mut list).await?;
    // The client is about to know every row up to the bound.
    context.connection().listed_dek_bounds.record(space, Id::KIND, listing.bounds().cursor);
    Ok(DekListing { chunks, rows: list.into_rows() }.into())
}

/// A complete listing, as the result of the method that lists keys of `Id`.
pub(super) struct DekListing<Id> {
    chunks: u64,
    rows: Vec<StoredDek<Id>>,
}

impl<Id: DekRows> Encode for DekListing<Id> {
    fn encode(&self, out: &mut Vec<u8>) {
        Id::result(self.chunks, &self.rows).encode(out);
    }

    fn size_hint(&self) -> usize {
        /// Size of an encoded row, in bytes, rounded up.
        const ROW: usize = 128;
        ROW * (self.rows.len() + 1)
    }
}

/// Sends a chunk for every row and adds the rows to `list`. The next page is read while the current one is sent.
async fn send_rows<Id: DekRows>(
    stream: Stream<'_>,
    listing: &mut Listing<Id>,
    list: &mut DekList<Id>,
) -> Result<u64, RpcError> {
    let mut count = 0;
    let mut page = listing.next_page().await?;
    while let Some(DekPage { deks, .. }) = page {
        count += deks.len() as u64;
        let frames = encode(stream.id(), &deks);
        for row in deks {
            list.add(row);
        }
        let (next, ()) = futures_util::join!(listing.next_page(), stream.send(frames));
        page = next?;
    }
    Ok(count)
}

fn encode<Id: DekRows>(request_id: &str, rows: &[StoredDek<Id>]) -> Vec<Bytes> {
    /// Approximate size of a chunk without the id of its request, in bytes.
    const CHUNK: usize = 160;
    let capacity = rows.len() * (CHUNK + request_id.len());
    frames(rows, capacity, |out, row| Id::write_chunk(row, request_id, out))
}

/// `deks.rewrap`, `deks.rewrapFiles`. Authorizes, then validates.
pub(super) async fn rewrap<Id: DekRows>(
    context: &Context,
    params: DeksRewrapParams<'_>,
) -> Result<DeksRewrapResult, RpcError> {
    if params.deks.iter().any(|entry| entry.dek == DekField::Absent) {
        return Err(context.invalid_params());
    }
    let space = space_id(params.space)?;
    let (engine, credentials) = (context.engine(), context.credentials(params.ucan));
    let grant = engine.authorize_rewrap::<Id>(credentials, space, params.deks.is_empty()).await?;
    let entries = params.deks.iter().map(|entry| checked(context.call().message(), entry));
    let entries: Vec<Rewrap<Id>> = entries.collect::<Result<_, _>>()?;
    let listed = context.connection().listed_dek_bounds.bound(space, Id::KIND);
    engine.rewrap_deks(&grant, entries, listed).await?;
    Ok(DeksRewrapResult { ok: true, count: params.deks.len() as u64 })
}

/// An entry, checked in the order of protocol §4.17. Two spellings that differ are a bad value.
fn checked<Id: DekRows>(message: &Bytes, entry: &RewrapEntry<'_>) -> Result<Rewrap<Id>, RpcError> {
    let bad = RpcError::bad_request;
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
