//! Listing of keys at the home server of their space, in bounded memory, and continued after gaps (federation §12.4).

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::cbor::{Decode as _, Encode as _};
use less_sync_core::wire::deks::DeksGetParams;
use less_sync_core::wire::method::Method;
use less_sync_core::wire::pull::ChunkCount;
use less_sync_core::{Cursor, DekKind, PeerId};
use less_sync_engine::{HomeError, RemoteDekListing, RemoteDeks};
use less_sync_storage::{PullPosition, StoredDek};

use super::call::{FORWARD, OutboundCall, Repeat, TIMEOUT};
use super::chunk_queue::{Chunk, ChunkKind};
use super::delivered_rows::DeliveredRows;
use super::links::Outbound;
use super::peer::{CallStream, Part};
use super::received_rows;
use super::resumptions::Resumptions;

/// Maximum rows of a group.
const GROUP: usize = 1000;

/// Listing in progress.
pub(super) struct DekRelay {
    outbound: Arc<Outbound>,
    peer: PeerId,
    listing: RemoteDekListing,
    /// `None` after a gap.
    stream: Option<CallStream>,
    /// Chunks received on the stream.
    count: u64,
    delivered: DeliveredRows,
    resumptions: Resumptions,
    is_complete: bool,
}

impl DekRelay {
    /// Begins a listing at `peer`.
    ///
    /// # Errors
    /// [`HomeError`] of a listing that was certainly not sent.
    pub(super) async fn begin(
        outbound: Arc<Outbound>,
        peer: PeerId,
        listing: RemoteDekListing,
    ) -> Result<Self, HomeError> {
        let stream = open(&outbound, &peer, &listing, listing.since).await?;
        Ok(Self {
            outbound,
            peer,
            delivered: DeliveredRows::after(listing.since),
            listing,
            stream: Some(stream),
            count: 0,
            resumptions: Resumptions::default(),
            is_complete: false,
        })
    }

    fn kind(&self) -> ChunkKind {
        match self.listing.kind {
            DekKind::Record => ChunkKind::RecordKey,
            DekKind::File => ChunkKind::FileKey,
        }
    }

    /// Rows of `first` and of the chunks behind it that have arrived, without those that were passed on.
    fn group(&mut self, first: Chunk) -> Result<Vec<StoredDek>, HomeError> {
        let (kind, mut rows, mut next) = (self.kind(), Vec::new(), Some(first));
        while let Some(chunk) = next {
            let row = received_rows::dek(&chunk).filter(|row| row.cursor > self.listing.since);
            let row = row.ok_or(HomeError::Unavailable)?;
            self.count += 1;
            let position = PullPosition { cursor: row.cursor, rank: 0, id: *row.id.as_bytes() };
            if !self.delivered.has(position) {
                self.delivered.add(position);
                self.resumptions.progress();
                rows.push(row);
            }
            let stream = self.stream.as_ref().filter(|_| rows.len() < GROUP);
            next = stream.and_then(|stream| stream.try_next(&[kind]));
        }
        Ok(rows)
    }

    fn complete(&mut self, result: &Bytes) -> Result<(), HomeError> {
        let result = ChunkCount::decode(result).map_err(|_| HomeError::Unavailable)?;
        self.is_complete = result.chunks == self.count;
        if self.is_complete { Ok(()) } else { Err(HomeError::Unavailable) }
    }

    async fn next_rows(&mut self) -> Result<Option<Vec<StoredDek>>, HomeError> {
        loop {
            if self.is_complete {
                return Ok(None);
            }
            if self.stream.is_none() {
                let since = self.delivered.complete();
                self.stream = Some(open(&self.outbound, &self.peer, &self.listing, since).await?);
                self.count = 0;
            }
            let kind = self.kind();
            let Some(stream) = &mut self.stream else { return Err(HomeError::Unavailable) };
            match stream.next().await? {
                Part::Chunk(chunk) if chunk.kind == kind => {
                    let rows = self.group(chunk)?;
                    if !rows.is_empty() {
                        return Ok(Some(rows));
                    }
                }
                Part::Chunk(_) => return Err(HomeError::Unavailable),
                Part::Result(result) => self.complete(&result)?,
                Part::Gap => {
                    self.resumptions.gap(stream.is_cancellable())?;
                    self.stream = None;
                }
            }
        }
    }
}

#[async_trait]
impl RemoteDeks for DekRelay {
    async fn next(&mut self) -> Result<Option<Vec<StoredDek>>, HomeError> {
        let next = self.next_rows().await;
        if next.is_err() {
            // Cancels what goes on.
            self.stream = None;
        }
        next
    }
}

async fn open(
    outbound: &Outbound,
    peer: &PeerId,
    listing: &RemoteDekListing,
    since: Cursor,
) -> Result<CallStream, HomeError> {
    let space = listing.space.to_string();
    let params =
        DeksGetParams { space: &space, ucan: Some(&listing.ucan), home_server: None, since: since.get() };
    let mut encoded = Vec::with_capacity(params.size_hint());
    params.encode(&mut encoded);
    let method = match listing.kind {
        DekKind::Record => Method::DeksGet,
        DekKind::File => Method::DeksGetFiles,
    };
    let call = OutboundCall {
        method: method.name(),
        params: encoded.into(),
        timeout: TIMEOUT,
        repeat: Repeat::Always,
        feature: Some(FORWARD),
    };
    outbound.stream(peer, call).await
}

impl std::fmt::Debug for DekRelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DekRelay").field("listing", &self.listing).finish_non_exhaustive()
    }
}
