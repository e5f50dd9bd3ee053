//! Values of a pull: request, bounds, pages by keyset pagination (storage §3.7).

use less_sync_core::{Cursor, Epoch};

use crate::error::rejections;
use crate::{PullPosition, Row, Space};

/// Handling of a pull from beyond the cursor of the space (protocol D-15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorAhead {
    /// Fail with [`PullRejection::CursorAhead`].
    Error,
    /// Stream everything from the start, tombstones included, with `prev` 0.
    Rewind,
}

/// Parameters of a pull.
#[derive(Clone, Copy, Debug)]
pub struct PullRequest {
    /// Lower bound of the cursors, exclusive. Zero: live rows only, no tombstones.
    pub since: Cursor,
    /// Handling of a `since` beyond the cursor of the space.
    pub ahead: CursorAhead,
}

/// State of a space at the start of a pull; fixes the upper bound of all its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullState {
    /// Effective `since`: the requested one, or 0 after a rewind.
    pub prev: Cursor,
    /// Upper bound of the cursors, inclusive.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Pending rewrap, if any.
    pub rewrap_epoch: Option<Epoch>,
    /// True if the pages include tombstones.
    pub tombstones: bool,
}

impl PullState {
    /// Bounds of the requested pull of `space`.
    ///
    /// # Errors
    /// [`PullRejection::CursorAhead`] when `since` is beyond the space and the request selects [`CursorAhead::Error`].
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

    /// The position before the first row.
    #[must_use]
    pub fn start(&self) -> PullPosition {
        PullPosition { cursor: self.prev, rank: Row::FILE, id: [0xff; 16] }
    }
}

/// A page of a pull.
#[derive(Clone, Debug)]
pub struct PullPage {
    /// Rows in order: ascending cursor; then records, membership entries, files; then id.
    pub rows: Vec<Row>,
    /// Position of the next page; `None` after the last one.
    pub next: Option<PullPosition>,
}

rejections! {
    PullError:
    /// Rejections of a pull.
    PullRejection {
        /// A pull from beyond the cursor of the space, with [`CursorAhead::Error`].
        #[error("since {since} exceeds current cursor {cursor}")]
        CursorAhead {
            /// Cursor that the pull asked for.
            since: Cursor,
            /// Cursor of the space.
            cursor: Cursor,
        },
    }
}
