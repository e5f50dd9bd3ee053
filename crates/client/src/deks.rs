//! Wrapped data keys of records and files: listing and rewrap (protocol §4.16–§4.18; newer-clients §4.3, §4.4).

use std::marker::PhantomData;

use bytes::Bytes;
use less_sync_core::wire::deks::{
    DekRecord, DeksGetParams, DeksRewrapParams, DeksRewrapResult, FileDekRecord, RewrapEntry,
};
use less_sync_core::wire::pull::ChunkCount;
use less_sync_core::wire::{DekField, chunk as name, method};
use less_sync_core::{Cursor, Dek, DekKind, FileId, RecordId};

use crate::access::Access;
use crate::connection::Connection;
use crate::error::{CallError, PullError};
use crate::stream::{Chunk, ChunkStream};

/// Id of an item with a wrapped key: a [`RecordId`] or a [`FileId`]. Sealed; [`DekId::KIND`] is the kind as a value.
pub trait DekId: sealed::DekId {
    /// Kind of the item.
    const KIND: DekKind;
}

impl DekId for RecordId {
    const KIND: DekKind = DekKind::Record;
}

impl DekId for FileId {
    const KIND: DekKind = DekKind::File;
}

/// Wrapped key of a record or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DekRow<I> {
    /// Id of the record or file.
    pub id: I,
    /// The wrapped key as stored, of any length.
    pub dek: Bytes,
    /// Cursor of the record or file.
    pub cursor: Cursor,
}

/// Replacement of a wrapped key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrap<I> {
    /// Id of the record or file.
    pub id: I,
    /// The new wrapped key, of the current epoch.
    pub dek: Dek,
    /// The wrapped key to be replaced; if another one is stored, the whole call is a conflict.
    pub observed: Bytes,
}

/// Stream of wrapped keys, verified against the count of the server. As with every
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
    pub async fn deks<I: DekId>(&self, access: Access<'_>, since: Cursor) -> Result<DekStream<I>, CallError> {
        let space = access.space.to_string();
        let params =
            DeksGetParams { space: &space, ucan: access.ucan, home_server: None, since: since.get() };
        let chunks = self.stream(get_method(I::KIND), &params).await?;
        Ok(DekStream { chunks, received: 0, of: PhantomData })
    }

    /// Replaces all of these keys or none.
    ///
    /// # Errors
    /// See [`CallError`]; `conflict` when a key was replaced meanwhile, or is not of the current epoch. After a lost
    /// response the repetition is a conflict: list again.
    pub async fn rewrap<I: DekId>(&self, access: Access<'_>, rewraps: &[Rewrap<I>]) -> Result<(), CallError> {
        let space = access.space.to_string();
        let ids: Vec<String> = rewraps.iter().map(|rewrap| rewrap.id.to_string()).collect();
        let deks = rewraps.iter().zip(&ids).map(|(rewrap, id)| RewrapEntry {
            id,
            dek: DekField::Stated(rewrap.dek.as_bytes()),
            observed_wrapped_dek: Some(&rewrap.observed),
        });
        let params =
            DeksRewrapParams { space: &space, ucan: access.ucan, home_server: None, deks: deks.collect() };
        self.call(rewrap_method(I::KIND), &params).await?.decode::<DeksRewrapResult>().map(drop)
    }
}

impl<I: DekId> DekStream<I> {
    /// The next key; `None` after the last. Safe to cancel.
    ///
    /// # Errors
    /// A chunk that cannot be decoded.
    pub async fn next(&mut self) -> Result<Option<DekRow<I>>, PullError> {
        while let Some(chunk) = self.chunks.next().await {
            self.received += 1;
            if chunk.name() == chunk_name(I::KIND) {
                let undecodable = || PullError::Undecodable(chunk.name().to_owned());
                return row(&chunk).ok_or_else(undecodable).map(Some);
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

fn get_method(kind: DekKind) -> &'static str {
    match kind {
        DekKind::Record => method::DEKS_GET,
        DekKind::File => method::DEKS_GET_FILES,
    }
}

fn rewrap_method(kind: DekKind) -> &'static str {
    match kind {
        DekKind::Record => method::DEKS_REWRAP,
        DekKind::File => method::DEKS_REWRAP_FILES,
    }
}

fn chunk_name(kind: DekKind) -> &'static str {
    match kind {
        DekKind::Record => name::DEKS_RECORD,
        DekKind::File => name::DEKS_FILES_RECORD,
    }
}

fn row<I: DekId>(chunk: &Chunk) -> Option<DekRow<I>> {
    let (id, dek, cursor) = match I::KIND {
        DekKind::Record => {
            let DekRecord { id, dek, seq } = chunk.decode().ok()?;
            (*id.as_bytes(), dek, seq)
        }
        DekKind::File => {
            let FileDekRecord { id, dek, cursor } = chunk.decode().ok()?;
            (*id.as_bytes(), dek, cursor)
        }
    };
    Some(DekRow { id: I::from_bytes(id), dek: chunk.slice(dek), cursor })
}

mod sealed {
    use less_sync_core::{FileId, RecordId};

    pub trait DekId: Copy + std::fmt::Display {
        fn from_bytes(bytes: [u8; 16]) -> Self;
    }

    impl DekId for RecordId {
        fn from_bytes(bytes: [u8; 16]) -> Self {
            Self::from_bytes(bytes)
        }
    }

    impl DekId for FileId {
        fn from_bytes(bytes: [u8; 16]) -> Self {
            Self::from_bytes(bytes)
        }
    }
}
