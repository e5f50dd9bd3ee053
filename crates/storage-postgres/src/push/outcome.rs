//! What the functions of the database answer (see `migrations/postgres/022_push_function.sql`).

use less_sync_core::{Cursor, RecordId};
use less_sync_storage::{DeletedFile, PushError, PushRejection, Pushed};

use crate::columns::{cursor, epoch};
use crate::error::CorruptRow;

/// Mismatching records that a conflict names at most.
pub(super) const NAMED_MISMATCHES: usize = 100;

/// The answer to one push.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: i32,
    pub(super) space_cursor: Option<i64>,
    pub(super) key_generation: Option<i32>,
    pub(super) rewrap_epoch: Option<i32>,
    pub(super) deleted_files: Vec<DeletedFile>,
}

/// What became of a push.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Its caller may know.
    Decided(Result<Pushed, PushError>),
    /// Nothing: somebody else has locked the space.
    Busy,
}

impl Answer {
    /// `mismatches`: the records that were not where the push expected them, should it have met a conflict.
    pub(super) fn verdict(self, mismatches: impl Iterator<Item = RecordId>) -> Verdict {
        match self.outcome {
            0 => Verdict::Decided(self.committed().map_err(PushError::from)),
            1 => Verdict::Decided(self.conflict(mismatches).map_err(PushError::from)),
            2 => Verdict::Decided(Err(PushError::SpaceNotFound)),
            3 => Verdict::Decided(Err(PushError::SpaceIsRemote)),
            4 => Verdict::Decided(Err(PushRejection::EpochStale.into())),
            5 => Verdict::Decided(Err(PushRejection::CursorExhausted.into())),
            6 => Verdict::Busy,
            7 => Verdict::Decided(Err(PushError::SpaceKindMismatch)),
            8 => Verdict::Decided(Err(PushError::Revoked)),
            _ => Verdict::Decided(Err(CorruptRow("outcome of a push").into())),
        }
    }

    fn committed(self) -> Result<Pushed, CorruptRow> {
        let at = self.cursor()?;
        let prev = at.get().checked_sub(1).and_then(|prev| Cursor::new(prev).ok());
        Ok(Pushed::Committed {
            prev: prev.ok_or(CorruptRow("cursor"))?,
            cursor: at,
            key_generation: epoch(self.key_generation.ok_or(CorruptRow("epoch"))?)?,
            rewrap_epoch: self.rewrap_epoch.map(epoch).transpose()?,
            deleted_files: self.deleted_files,
        })
    }

    fn conflict(&self, mismatches: impl Iterator<Item = RecordId>) -> Result<Pushed, CorruptRow> {
        Ok(Pushed::Conflict { cursor: self.cursor()?, records: mismatches.take(NAMED_MISMATCHES).collect() })
    }

    fn cursor(&self) -> Result<Cursor, CorruptRow> {
        cursor(self.space_cursor.ok_or(CorruptRow("cursor"))?)
    }
}
