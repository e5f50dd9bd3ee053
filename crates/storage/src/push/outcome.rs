//! Outcome of a push.

use less_sync_core::{Cursor, Epoch, FileId, RecordId};

use crate::Quota;
use crate::error::rejections;

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
        /// The disk has no more than its reserve left, and the push does not only delete records.
        #[error("disk has no more than its reserve left")]
        StoreFull,
        /// The push adds bytes beyond a quota (storage §3.20).
        #[error("storage quota exceeded")]
        QuotaExceeded(Quota),
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
