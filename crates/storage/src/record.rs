//! A record: its id, its cursor, and its state.

use bytes::Bytes;
use less_sync_core::{Cursor, Dek, RecordId};

use crate::ROW_BYTES;

/// State of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Ciphertext, possibly empty, and the wrapped data key, if the client sent one.
    Live {
        /// The ciphertext.
        blob: Bytes,
        /// The wrapped data key.
        dek: Option<Dek>,
    },
    /// Deleted; neither blob nor key are kept.
    Tombstone,
}

impl RecordState {
    /// Length of the blob, in bytes; zero for a tombstone.
    #[must_use]
    pub fn blob_bytes(&self) -> usize {
        match self {
            Self::Live { blob, .. } => blob.len(),
            Self::Tombstone => 0,
        }
    }

    /// Stored bytes of a record in this state: [`ROW_BYTES`], its blob and its wrapped key.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        let content = match self {
            Self::Live { blob, dek } => blob.len() + dek.as_ref().map_or(0, |dek| dek.as_bytes().len()),
            Self::Tombstone => 0,
        };
        ROW_BYTES + content as u64
    }

    /// Epoch of the wrapped key, if there is one.
    pub(crate) fn key_epoch(&self) -> Option<u32> {
        match self {
            Self::Live { dek, .. } => dek.as_ref().map(Dek::epoch_prefix),
            Self::Tombstone => None,
        }
    }
}

/// A record as a pull delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Id of the record.
    pub id: RecordId,
    /// Cursor of the last change of the record.
    pub cursor: Cursor,
    /// State of the record.
    pub state: RecordState,
}

/// A version of a record: every push that changes the record has another cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordVersion {
    /// Id of the record.
    pub id: RecordId,
    /// Cursor of the change that wrote the version.
    pub cursor: Cursor,
}

impl Record {
    /// The version of this record.
    #[must_use]
    pub fn version(&self) -> RecordVersion {
        RecordVersion { id: self.id, cursor: self.cursor }
    }
}
