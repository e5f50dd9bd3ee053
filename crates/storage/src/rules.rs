//! Rules that need no database, so that every adapter applies the same ones.

mod claim;
mod rewrap;

use std::collections::HashSet;

use less_sync_core::Epoch;

pub use rewrap::{DekRow, RewrapVerdict};

use crate::{CursorAhead, PullRequest, PullState, Push, PushLimits, RecordState, Space, StorageError};

impl Push {
    /// Checks the bounds of the push and that it names no record twice, change by change (storage §3.6, steps 1 to 3).
    /// Returns the sum of its blobs, in bytes.
    ///
    /// # Errors
    /// [`StorageError::PushRecordLimitExceeded`], [`StorageError::DuplicateRecordId`],
    /// [`StorageError::BlobTooLarge`], [`StorageError::PushPayloadLimitExceeded`]; the first that applies, in the
    /// order of the changes.
    pub fn check(&self, limits: PushLimits) -> Result<usize, StorageError> {
        if self.changes.len() > limits.records {
            return Err(StorageError::PushRecordLimitExceeded);
        }
        let mut seen = HashSet::with_capacity(self.changes.len());
        let mut bytes = 0_usize;
        for change in &*self.changes {
            if !seen.insert(change.id) {
                return Err(StorageError::DuplicateRecordId(change.id));
            }
            let blob = change.state.blob_bytes();
            if blob > limits.blob {
                return Err(StorageError::BlobTooLarge);
            }
            bytes = bytes.saturating_add(blob);
        }
        if bytes > limits.bytes { Err(StorageError::PushPayloadLimitExceeded) } else { Ok(bytes) }
    }

    /// Checks the push against the oldest key generation that its space accepts; for shared spaces only (storage §3.6,
    /// step 5; newer-clients §3.1).
    ///
    /// # Errors
    /// [`StorageError::EpochStale`].
    pub fn check_epoch(&self, minimum: Epoch) -> Result<(), StorageError> {
        let stale = self.oldest_epoch().is_some_and(|oldest| oldest < minimum.get().unsigned_abs());
        if stale { Err(StorageError::EpochStale) } else { Ok(()) }
    }

    /// The oldest epoch that the push names, be it the one that the writer states or that of a wrapped key; each of them
    /// counts by itself. `None`: it names none.
    #[must_use]
    pub fn oldest_epoch(&self) -> Option<u32> {
        let stated = self.epoch.map(|stated| stated.get().unsigned_abs());
        self.changes.iter().filter_map(|change| change.state.key_epoch()).chain(stated).min()
    }
}

impl RecordState {
    /// Length of the blob; a tombstone has none.
    #[must_use]
    pub fn blob_bytes(&self) -> usize {
        match self {
            Self::Live { blob, .. } => blob.len(),
            Self::Tombstone => 0,
        }
    }

    fn key_epoch(&self) -> Option<u32> {
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
