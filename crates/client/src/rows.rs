//! What spaces are made of, as a device sees it: records, files, entries of the membership log.

use bytes::Bytes;
use less_sync_core::wire::event::{FileEntry, RecordEntry};
use less_sync_core::wire::membership::Entry;
use less_sync_core::wire::pull::{PullFile, PullRecord};
use less_sync_core::{Cursor, FileId, RecordId};

/// A record, live or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Which record.
    pub id: RecordId,
    /// Of the push that wrote it.
    pub cursor: Cursor,
    /// The ciphertext; `None` for a tombstone.
    pub blob: Option<Bytes>,
    /// The wrapped key, if the writer gave one.
    pub dek: Option<Bytes>,
}

/// A file, live or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Which file.
    pub id: FileId,
    /// The record that owns it.
    pub record_id: RecordId,
    /// Bytes of ciphertext.
    pub size: u64,
    /// The wrapped key of a live file.
    pub dek: Option<Bytes>,
    /// Whether it is a tombstone.
    pub deleted: bool,
}

/// An entry of the membership log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipEntry {
    /// Place in the log, from 1.
    pub chain_seq: i32,
    /// Hash of the entry before.
    pub prev_hash: Option<Bytes>,
    /// SHA-256 of the payload.
    pub entry_hash: Bytes,
    /// Ciphertext.
    pub payload: Bytes,
}

/// Turns a part of a message into a slice that keeps the message alive.
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
        Self::heard(&RecordEntry { id, blob, cursor, dek, deleted }, slicer)
    }

    pub(crate) fn heard(record: &RecordEntry<'_>, slicer: &impl Slicer) -> Self {
        let RecordEntry { id, blob, cursor, dek, deleted } = *record;
        let slice = |part| slicer.slice(part);
        Self { id, cursor, blob: blob.filter(|_| !deleted).map(slice), dek: dek.map(slice) }
    }

    /// Whether this is a tombstone.
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

    pub(crate) fn heard(file: &FileEntry<'_>, slicer: &impl Slicer) -> Self {
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
