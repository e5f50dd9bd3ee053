//! A push: changes that take effect together, checked once against their limits, and its place in the submission queue.

mod builder;
mod ticket;

use std::sync::Arc;

use less_sync_core::{Cursor, Epoch, FileId, RecordId};

pub use builder::{CheckedChange, InvalidPush, PushBuilder, PushLimits};
pub use ticket::Ticket;

use crate::RecordState;
use crate::error::rejections;

/// One change of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Id of the record.
    pub id: RecordId,
    /// Cursor of the record as the writer last saw it; [`Cursor::ZERO`] when the record must not exist yet.
    pub expected: Cursor,
    /// State of the record after the change.
    pub state: RecordState,
}

/// Changes that take effect together or not at all, within the limits that [`Push::new`] or a [`PushBuilder`] has
/// checked. Adapters rely on the checks: no record is named twice, and [`Push::bytes`] is the sum of the blobs.
#[derive(Clone, Debug)]
pub struct Push {
    changes: Arc<[Change]>,
    epoch: Option<Epoch>,
    bytes: usize,
}

impl Push {
    /// A push of these changes, made under `epoch` if the writer states one (newer-clients §3.1). Checks in one pass the
    /// number of changes, then each of them in order, then the sum of their blobs (storage §3.6, steps 1 to 3). Edges
    /// that have to decode in between take a [`PushBuilder`].
    ///
    /// # Errors
    /// [`InvalidPush`]; the first violation in that order.
    pub fn new(
        changes: impl Into<Arc<[Change]>>,
        epoch: Option<Epoch>,
        limits: PushLimits,
    ) -> Result<Self, InvalidPush> {
        let changes = changes.into();
        let bytes = builder::check(&changes, limits)?;
        Ok(Self { changes, epoch, bytes })
    }

    /// The changes, in the order of the request; shared with the event that follows the commit.
    #[must_use]
    pub fn changes(&self) -> &Arc<[Change]> {
        &self.changes
    }

    /// Sum of the blobs, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Checks the push against the oldest key generation that its space accepts; for shared spaces only (storage §3.6,
    /// step 5; newer-clients §3.1).
    ///
    /// # Errors
    /// [`PushRejection::EpochStale`].
    pub fn check_epoch(&self, minimum: Epoch) -> Result<(), PushRejection> {
        let stale = self.oldest_epoch().is_some_and(|oldest| oldest < minimum.get().unsigned_abs());
        if stale { Err(PushRejection::EpochStale) } else { Ok(()) }
    }

    /// The oldest epoch that the push names: the stated one and those of wrapped keys count alike. `None`: no epoch named.
    #[must_use]
    pub fn oldest_epoch(&self) -> Option<u32> {
        let stated = self.epoch.map(|stated| stated.get().unsigned_abs());
        self.changes.iter().filter_map(|change| change.state.key_epoch()).chain(stated).min()
    }
}

rejections! {
    PushError:
    /// Rejections of a push.
    PushRejection {
        /// The push names an epoch older than the space accepts.
        #[error("epoch older than the space accepts")]
        EpochStale,
        /// The space has used its last cursor.
        #[error("cursor of the space is exhausted")]
        CursorExhausted,
    }
}

/// Outcome of a push that was not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// All changes were written under one new cursor. For a push without changes `cursor` = `prev`.
    Committed {
        /// Cursor of the space before the push, read under the lock of the space.
        prev: Cursor,
        /// Cursor of the space, and of every changed record, after the push.
        cursor: Cursor,
        /// Key generation of the space.
        key_generation: Epoch,
        /// Pending rewrap, if any.
        rewrap_epoch: Option<Epoch>,
        /// Files deleted with the records that owned them, in no particular order.
        deleted_files: Vec<DeletedFile>,
    },
    /// At least one expected cursor did not match; nothing was written.
    Conflict {
        /// Cursor of the space.
        cursor: Cursor,
        /// The mismatching records, at most 100.
        records: Vec<RecordId>,
    },
}

/// A file that was deleted with the record that owned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeletedFile {
    /// Id of the file.
    pub id: FileId,
    /// Id of the deleted record.
    pub record: RecordId,
}
