//! Wrapped keys of records and files, listed and replaced (protocol §4.16–§4.18; newer-clients §4.3, §4.4).

use std::marker::PhantomData;

use bytes::Bytes;
use less_sync_core::wire::deks::{
    DekRecord, DeksGetParams, DeksRewrapParams, DeksRewrapResult, FileDekRecord, RewrapEntry,
};
use less_sync_core::wire::pull::ChunkCount;
use less_sync_core::wire::{DekField, chunk as name, method};
use less_sync_core::{Cursor, Dek, FileId, RecordId};

use crate::access::Access;
use crate::connection::Connection;
use crate::error::{CallError, PullError};
use crate::stream::{Chunk, ChunkStream};

/// Something with a wrapped key: a [`RecordId`] or a [`FileId`].
pub trait Keyed: sealed::Keyed {}

impl Keyed for RecordId {}
impl Keyed for FileId {}

/// A wrapped key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DekRow<I> {
    /// Whose.
    pub id: I,
    /// As it is stored.
    pub dek: Bytes,
    /// Cursor of the record or file.
    pub cursor: Cursor,
}

/// A wrapped key to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrap<I> {
    /// Whose.
    pub id: I,
    /// The new one, of the current epoch.
    pub dek: Dek,
    /// The one that it replaces; with any other in its place the whole call is a conflict.
    pub observed: Bytes,
}

/// Wrapped keys as they come, verified against the count of the server. As with every
/// [stream](ChunkStream), take it to its end before the next call of the same connection.
#[derive(Debug)]
pub struct DekStream<I> {
    chunks: ChunkStream,
    received: u64,
    of: PhantomData<I>,
}

impl Connection {
    /// Lists the wrapped keys of all live records or files after `since`, oldest first.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn deks<I: Keyed>(&self, access: Access<'_>, since: Cursor) -> Result<DekStream<I>, CallError> {
        let space = access.space.to_string();
        let params =
            DeksGetParams { space: &space, ucan: access.ucan, home_server: None, since: since.get() };
        let chunks = self.stream(I::GET, &params).await?;
        Ok(DekStream { chunks, received: 0, of: PhantomData })
    }

    /// Replaces all of these keys or none.
    ///
    /// # Errors
    /// See [`CallError`]; `conflict` when a key was replaced meanwhile, or is not of the current epoch. After a lost
    /// answer the repetition is a conflict: list again.
    pub async fn rewrap<I: Keyed>(&self, access: Access<'_>, rewraps: &[Rewrap<I>]) -> Result<(), CallError> {
        let space = access.space.to_string();
        let ids: Vec<String> = rewraps.iter().map(|rewrap| rewrap.id.to_string()).collect();
        let deks = rewraps.iter().zip(&ids).map(|(rewrap, id)| RewrapEntry {
            id,
            dek: DekField::Stated(rewrap.dek.as_bytes()),
            observed_wrapped_dek: Some(&rewrap.observed),
        });
        let params =
            DeksRewrapParams { space: &space, ucan: access.ucan, home_server: None, deks: deks.collect() };
        self.call(I::REWRAP, &params).await?.decode::<DeksRewrapResult>().map(drop)
    }
}

impl<I: Keyed> DekStream<I> {
    /// The next key; `None` after the last. Safe to cancel.
    ///
    /// # Errors
    /// A chunk that cannot be decoded.
    pub async fn next(&mut self) -> Result<Option<DekRow<I>>, PullError> {
        while let Some(chunk) = self.chunks.next().await {
            self.received += 1;
            if chunk.name() == I::CHUNK {
                let undecodable = || PullError::Undecodable(chunk.name().to_owned());
                return I::row(&chunk).ok_or_else(undecodable).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads the rest, to see that the list is whole.
    ///
    /// # Errors
    /// See [`PullError`].
    pub async fn finish(mut self) -> Result<(), PullError> {
        while self.next().await?.is_some() {}
        let announced = self.chunks.finish().await?.decode::<ChunkCount>()?.chunks;
        if announced != self.received {
            return Err(PullError::ChunkCount { received: self.received, announced });
        }
        Ok(())
    }
}

mod sealed {
    use super::{Chunk, DekRow};

    /// The names of the wire for one kind of row.
    pub trait Keyed: Copy + std::fmt::Display + Sized {
        const GET: &'static str;
        const REWRAP: &'static str;
        const CHUNK: &'static str;

        fn row(chunk: &Chunk) -> Option<DekRow<Self>>;
    }
}

impl sealed::Keyed for RecordId {
    const GET: &'static str = method::DEKS_GET;
    const REWRAP: &'static str = method::DEKS_REWRAP;
    const CHUNK: &'static str = name::DEKS_RECORD;

    fn row(chunk: &Chunk) -> Option<DekRow<Self>> {
        let DekRecord { id, dek, seq } = chunk.decode().ok()?;
        Some(DekRow { id, dek: chunk.slice(dek), cursor: seq })
    }
}

impl sealed::Keyed for FileId {
    const GET: &'static str = method::DEKS_GET_FILES;
    const REWRAP: &'static str = method::DEKS_REWRAP_FILES;
    const CHUNK: &'static str = name::DEKS_FILES_RECORD;

    fn row(chunk: &Chunk) -> Option<DekRow<Self>> {
        let FileDekRecord { id, dek, cursor } = chunk.decode().ok()?;
        Some(DekRow { id, dek: chunk.slice(dek), cursor })
    }
}
