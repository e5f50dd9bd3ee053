//! Rules that need no database, so that every adapter applies the same ones.

mod claim;
mod rewrap;

use less_sync_core::Cursor;

pub use rewrap::{DekRow, RewrapVerdict};

use crate::{CursorAhead, PullRejection, PullRequest, PullState, RecordState, Space};

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
    /// Bounds of a pull of `space` as `request` asks for them (storage §3.7).
    ///
    /// # Errors
    /// [`PullRejection::CursorAhead`] when `since` is beyond the space and the request asks for an error then.
    pub fn begin(space: &Space, request: PullRequest) -> Result<Self, PullRejection> {
        let (since, cursor) = (request.since, space.cursor);
        match request.ahead {
            CursorAhead::Error if since > cursor => Err(PullRejection::CursorAhead { since, cursor }),
            CursorAhead::Error | CursorAhead::Rewind => Ok(Self::rewinding(space, since)),
        }
    }

    /// Bounds of a pull of `space` since a cursor; one beyond the space rewinds (protocol D-15).
    #[must_use]
    pub fn rewinding(space: &Space, since: Cursor) -> Self {
        let is_ahead = since > space.cursor;
        Self {
            prev: if is_ahead { Cursor::ZERO } else { since },
            cursor: space.cursor,
            key_generation: space.key_generation,
            rewrap_epoch: space.rewrap_epoch,
            tombstones: since > Cursor::ZERO,
        }
    }
}
