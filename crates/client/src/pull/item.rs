//! Items of a pull: spaces, rows and commits.

use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::rows::{FileRow, MembershipEntry, RecordRow};

/// Space to pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSpace {
    /// Id of the space.
    pub space: SpaceId,
    /// Cursor of the reader, exclusive: rows above it are sent.
    pub since: Cursor,
    /// Chain of UCANs for a shared space.
    pub ucan: Option<String>,
}

impl PullSpace {
    /// Pull of a personal space from `since`, exclusive.
    #[must_use]
    pub fn from(space: SpaceId, since: Cursor) -> Self {
        Self { space, since, ucan: None }
    }
}

/// Item of a pull, in the order of the wire: begin, rows, commit, then the next space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullItem {
    /// Begin of a space.
    Begin {
        /// Id of the space.
        space: SpaceId,
        /// Cursor of the reader before the pull; 0 after a rewind.
        prev: Cursor,
        /// Cursor of the reader after the commit.
        cursor: Cursor,
        /// Key generation of the space.
        key_generation: Epoch,
        /// Epoch of the pending rewrap.
        rewrap_epoch: Option<Epoch>,
    },
    /// Record, live or deleted.
    Record(RecordRow),
    /// Entries of the membership log.
    Membership {
        /// Cursor of the append.
        cursor: Cursor,
        /// Appended entries; servers send one at a time.
        entries: Vec<MembershipEntry>,
    },
    /// File, live or deleted.
    File {
        /// Cursor of its last change.
        cursor: Cursor,
        /// State of the file.
        file: FileRow,
    },
    /// End of a complete space; the reader may store `cursor`. Rows above it may have come before, since they were rewritten
    /// during the pull: they come again in the next one.
    Commit {
        /// Id of the space.
        space: SpaceId,
        /// Same as in the begin.
        prev: Cursor,
        /// Same as in the begin.
        cursor: Cursor,
        /// Number of rows since the begin.
        rows: u64,
    },
}

/// Result of a complete pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullSummary {
    /// Number of chunks, equal to the number announced by the server.
    pub chunks: u64,
    /// Requested spaces without a commit: malformed, forbidden, deleted or unreachable (protocol §4.4).
    pub skipped: Vec<SpaceId>,
}
