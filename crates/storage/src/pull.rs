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

/// State of a space at the start of a pull, read in the snapshot of its first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullState {
    /// Effective `since`: the requested one, or 0 after a rewind.
    pub prev: Cursor,
    /// Bound of the pull: cursor of the space. Rows above it come after those below it.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Pending rewrap, if any.
    pub rewrap_epoch: Option<Epoch>,
    /// True if the pages include tombstones up to the bound. Those above it are always included: the reader may have
    /// received what they delete.
    pub tombstones: bool,
}

/// Columns of a space that a pull begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceHead {
    /// Cursor of the space.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Pending rewrap, if any.
    pub rewrap_epoch: Option<Epoch>,
}

impl From<&Space> for SpaceHead {
    fn from(space: &Space) -> Self {
        let Space { cursor, key_generation, rewrap_epoch, .. } = *space;
        Self { cursor, key_generation, rewrap_epoch }
    }
}

impl PullState {
    /// State of a pull of a space by `request`.
    ///
    /// # Errors
    /// [`PullRejection::CursorAhead`] when `since` is beyond the space and the request has [`CursorAhead::Error`].
    pub fn begin(head: SpaceHead, request: PullRequest) -> Result<Self, PullRejection> {
        let (since, cursor) = (request.since, head.cursor);
        match request.ahead {
            CursorAhead::Error if since > cursor => Err(PullRejection::CursorAhead { since, cursor }),
            CursorAhead::Error | CursorAhead::Rewind => Ok(Self::rewinding(head, since)),
        }
    }

    /// State of a pull of a space since a cursor; one beyond the space rewinds (protocol D-15).
    #[must_use]
    pub fn rewinding(head: SpaceHead, since: Cursor) -> Self {
        let is_ahead = since > head.cursor;
        Self {
            prev: if is_ahead { Cursor::ZERO } else { since },
            cursor: head.cursor,
            key_generation: head.key_generation,
            rewrap_epoch: head.rewrap_epoch,
            tombstones: since > Cursor::ZERO,
        }
    }

    /// The position before the first row.
    #[must_use]
    pub fn start(&self) -> PullPosition {
        PullPosition { cursor: self.prev, rank: Row::FILE, id: [0xff; 16] }
    }

    /// True if a pull delivers a row with this cursor: every live one, and tombstones as [`PullState::tombstones`] says.
    #[must_use]
    pub fn delivers(&self, cursor: Cursor, is_tombstone: bool) -> bool {
        !is_tombstone || self.tombstones || cursor > self.cursor
    }

    /// True if everything up to the bound comes before `position`.
    #[must_use]
    pub fn is_past_bound(&self, position: PullPosition) -> bool {
        position.cursor > self.cursor
    }

    /// Factor by which a page at `position` may have more rows and bytes than others. Beyond the bound a reader has to catch up
    /// with the writers: the fewer pages, the sooner one of them ends at the end of the space.
    #[must_use]
    pub fn page_factor(&self, position: PullPosition) -> usize {
        if self.is_past_bound(position) { CATCH_UP_FACTOR } else { 1 }
    }
}

/// Rows and bytes of a page beyond the bound, as a multiple of those of other pages.
const CATCH_UP_FACTOR: usize = 4;

/// A page of a pull.
#[derive(Clone, Debug)]
pub struct PullPage {
    /// Rows in order: ascending cursor; then records, membership entries, files; then id. There may be none although
    /// others follow: a page reads a limited number of rows, tombstones that are not delivered included.
    pub rows: Vec<Row>,
    /// Position of the next page; `None` if nothing followed in the snapshot of this page.
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
