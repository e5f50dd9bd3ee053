//! Outcome of a push as the functions of the database return it (`migrations/postgres/028_stored_bytes.sql`, and 022
//! for the numbers below 9).

use less_sync_core::{Cursor, RecordId};
use less_sync_storage::stored::{CorruptRow, cursor, epoch};
use less_sync_storage::{DeletedFile, PushError, PushRejection, Pushed, Quota};

use crate::usage::{SPACE_QUOTA_EXCEEDED, USER_QUOTA_EXCEEDED};

/// Maximum number of mismatching records that a conflict names.
pub(super) const NAMED_MISMATCHES: usize = 100;

/// Outcome of a push. The numbers are shared with the functions of the database, whose head comment lists them; a new
/// meaning is a new number there and here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum PushOutcome {
    /// All changes were written under the next cursor.
    Committed = 0,
    /// At least one record is not at its expected cursor.
    Conflict = 1,
    /// No such space.
    SpaceNotFound = 2,
    /// The space is homed on another server.
    SpaceIsRemote = 3,
    /// The push names an epoch older than the space accepts.
    EpochStale = 4,
    /// The space has used its last cursor.
    CursorExhausted = 5,
    /// Another transaction holds the lock of the space or of its owner, or the space has to be counted; only of statements
    /// that do not wait for that.
    SpaceLocked = 6,
    /// A chain for a personal space, or none for a shared one.
    SpaceKindMismatch = 7,
    /// A token of the chain is revoked.
    Revoked = 8,
    /// The push adds bytes beyond the quota of its space.
    SpaceQuotaExceeded = SPACE_QUOTA_EXCEEDED,
    /// The push adds bytes beyond the quota of the owner of its space.
    UserQuotaExceeded = USER_QUOTA_EXCEEDED,
}

impl PushOutcome {
    const ALL: [Self; 11] = [
        Self::Committed,
        Self::Conflict,
        Self::SpaceNotFound,
        Self::SpaceIsRemote,
        Self::EpochStale,
        Self::CursorExhausted,
        Self::SpaceLocked,
        Self::SpaceKindMismatch,
        Self::Revoked,
        Self::SpaceQuotaExceeded,
        Self::UserQuotaExceeded,
    ];
}

impl TryFrom<i32> for PushOutcome {
    type Error = CorruptRow;

    fn try_from(code: i32) -> Result<Self, CorruptRow> {
        let known = Self::ALL.into_iter().find(|outcome| *outcome as i32 == code);
        known.ok_or(CorruptRow("outcome of a push"))
    }
}

/// Response of the database to one push.
#[derive(Debug)]
pub(super) struct PushRow {
    pub(super) outcome: Result<PushOutcome, CorruptRow>,
    pub(super) space_cursor: Option<i64>,
    pub(super) key_generation: Option<i32>,
    pub(super) rewrap_epoch: Option<i32>,
    pub(super) deleted_files: Vec<DeletedFile>,
}

/// Result of one attempt to apply a push.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Final; resolves the ticket.
    Decided(Result<Pushed, PushError>),
    /// Not applied: another transaction holds the lock of the space or of its owner, or the space has to be counted.
    SpaceLocked,
}

impl PushRow {
    /// `mismatches`: records that are not at their expected cursor; of a conflict only.
    pub(super) fn verdict(self, mismatches: impl Iterator<Item = RecordId>) -> Verdict {
        let outcome = match &self.outcome {
            Ok(outcome) => *outcome,
            Err(CorruptRow(what)) => return Verdict::Decided(Err(CorruptRow(what).into())),
        };
        Verdict::Decided(match outcome {
            PushOutcome::Committed => self.committed().map_err(PushError::from),
            PushOutcome::Conflict => self.conflict(mismatches).map_err(PushError::from),
            PushOutcome::SpaceNotFound => Err(PushError::SpaceNotFound),
            PushOutcome::SpaceIsRemote => Err(PushError::SpaceIsRemote),
            PushOutcome::EpochStale => Err(PushRejection::EpochStale.into()),
            PushOutcome::CursorExhausted => Err(PushRejection::CursorExhausted.into()),
            PushOutcome::SpaceLocked => return Verdict::SpaceLocked,
            PushOutcome::SpaceKindMismatch => Err(PushError::SpaceKindMismatch),
            PushOutcome::Revoked => Err(PushError::Revoked),
            PushOutcome::SpaceQuotaExceeded => Err(PushRejection::QuotaExceeded(Quota::Space).into()),
            PushOutcome::UserQuotaExceeded => Err(PushRejection::QuotaExceeded(Quota::User).into()),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_database_is_an_outcome() {
        for (code, outcome) in (0..).zip(PushOutcome::ALL) {
            assert_eq!(PushOutcome::try_from(code).unwrap(), outcome);
        }
        for unknown in [-1, 11, i32::MAX] {
            assert!(PushOutcome::try_from(unknown).is_err(), "{unknown}");
        }
    }
}
