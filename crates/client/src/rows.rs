//! Rows of a space: records, files, and membership entries.

use bytes::Bytes;
use less_sync_core::wire::event::{FileEntry, RecordEntry};
use less_sync_core::wire::membership::Entry;
use less_sync_core::wire::pull::{PullFile, PullRecord};
use less_sync_core::{ChainSeq, Cursor, FileId, RecordId};

/// Record, live or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Id of the record.
    pub id: RecordId,
    /// Cursor of the push that wrote the record.
    pub cursor: Cursor,
    /// Ciphertext; `None` for a tombstone.
    pub blob: Option<Bytes>,
    /// Wrapped key; `None` if the writer sent none.
    pub dek: Option<Bytes>,
}

/// File, live or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Id of the file.
    pub id: FileId,
    /// Id of the owner record.
    pub record_id: RecordId,
    /// Size of the ciphertext, in bytes.
    pub size: u64,
    /// Wrapped key; `None` for a tombstone.
    pub dek: Option<Bytes>,
    /// True if the file is a tombstone.
    pub deleted: bool,
}

/// Entry of the membership log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipEntry {
    /// Position in the log.
    pub chain_seq: ChainSeq,
    /// Hash of the previous entry; `None` for the first one.
    pub prev_hash: Option<Bytes>,
    /// SHA-256 of the payload.
    pub entry_hash: Bytes,
    /// Payload, encrypted for the members.
    pub payload: Bytes,
}

/// Conversion of a part of a message into a shared slice of it, without a copy.
pub(crate) trait Slicer {
    fn slice(&self, part: &[u8]) -> Bytes;
}

impl<F: Fn(&[u8]) -> Bytes> Slicer for F {
    fn slice(&self, part: &[u8]) -> Bytes {
        self(part)
    }
}

impl RecordRow {
    pub(crate) fn pulled(record: &PullRecord<'_>, slicer: &impl Slicer) -> Self {
        let PullRecord { id, blob, cursor, dek, deleted, .. } = *record;
        Self::notified(&RecordEntry { id, blob, cursor, dek, deleted }, slicer)
    }

    pub(crate) fn notified(record: &RecordEntry<'_>, slicer: &impl Slicer) -> Self {
        let RecordEntry { id, blob, cursor, dek, deleted } = *record;
        let slice = |part| slicer.slice(part);
        Self { id, cursor, blob: blob.filter(|_| !deleted).map(slice), dek: dek.map(slice) }
    }

    /// Returns whether the record is a tombstone.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.blob.is_none()
    }
}

impl FileRow {
    pub(crate) fn pulled(file: &PullFile<'_>, slicer: &impl Slicer) -> Self {
        Self {
            id: file.id,
            record_id: file.record_id,
            size: file.size,
            dek: file.dek.map(|dek| slicer.slice(dek)),
            deleted: file.deleted,
        }
    }

    pub(crate) fn notified(file: &FileEntry<'_>, slicer: &impl Slicer) -> Self {
        Self {
            id: file.id,
            record_id: file.record_id,
            size: file.size,
            dek: file.dek.map(|dek| slicer.slice(dek)),
            deleted: file.deleted,
        }
    }
}

impl MembershipEntry {
    pub(crate) fn of(entry: &Entry<'_>, slicer: &impl Slicer) -> Self {
        Self {
            chain_seq: entry.chain_seq,
            prev_hash: entry.prev_hash.map(|hash| slicer.slice(hash)),
            entry_hash: slicer.slice(entry.entry_hash),
            payload: slicer.slice(entry.payload),
        }
    }
}
