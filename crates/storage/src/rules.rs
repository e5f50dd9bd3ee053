//! Rules that need no database, so that every adapter applies the same ones.

mod claim;
mod rewrap;

pub use rewrap::{DekRow, RewrapVerdict};

use crate::{CursorAhead, PullRequest, PullState, RecordState, Space, StorageError};

impl RecordState {
    /// Length of the blob; a tombstone has none.
    #[must_use]
    pub fn blob_bytes(&self) -> usize {
        match self {
            Self::Live { blob, .. } => blob.len(),
            Self::Tombstone => 0,
        }
    }

    /// Epoch of the wrapped key, if there is one.
    pub(crate) fn key_epoch(&self) -> Option<u32> {
        match self {
            Self::Live { dek, .. } => dek.as_ref().map(less_sync_core::Dek::epoch_prefix),
            Self::Tombstone => None,
        }
    }
}

impl PullState {
    /// What a pull of `space` begins with (storage §3.7): bounds, and whether tombstones are part of it.
    ///
    /// # Errors
    /// [`StorageError::CursorAhead`] when `since` is beyond the space and the request asks for an error then.
    pub fn begin(space: &Space, request: PullRequest) -> Result<Self, StorageError> {
        let (since, cursor) = (request.since, space.cursor);
        let state = |prev, tombstones| Self {
            prev,
            cursor,
            key_generation: space.key_generation,
            rewrap_epoch: space.rewrap_epoch,
            tombstones,
        };
        match request.ahead {
            _ if since <= cursor => Ok(state(since, since > less_sync_core::Cursor::ZERO)),
            CursorAhead::Error => Err(StorageError::CursorAhead { since, cursor }),
            CursorAhead::Rewind => Ok(state(less_sync_core::Cursor::ZERO, true)),
        }
    }
}
