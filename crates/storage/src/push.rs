//! A push: changes that take effect together, checked once against their limits, and its place in the submission queue.

mod change;
mod checks;
mod outcome;
mod ticket;

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{Cursor, Dek, Epoch, RecordId};

pub use change::Change;
use checks::Checks;
pub use checks::{InvalidPush, PushLimits};
pub use outcome::{DeletedFile, PushError, PushRejection, Pushed};
pub use ticket::Ticket;

use crate::RecordState;

/// Weight of one change beside its blob, in bytes: its share of the pages that a row and its index entries touch. A
/// tombstone weighs this much.
pub const CHANGE_WEIGHT: usize = 1024;

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
        let mut checks = Checks::begin(changes.len(), limits)?;
        for change in &*changes {
            checks.change(change.id, change.state.blob_bytes())?;
        }
        let bytes = checks.end(changes.len())?;
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

    /// Weight of the push in the queues of a store, in bytes: its blobs, and [`CHANGE_WEIGHT`] for each change.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.bytes.saturating_add(self.changes.len().saturating_mul(CHANGE_WEIGHT))
    }

    /// Stored bytes of the records of this push once it is committed.
    #[must_use]
    pub fn stored_bytes(&self) -> i64 {
        let bytes = self.changes().iter().map(|change| change.state.stored_bytes()).sum::<u64>();
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }

    /// True if every change deletes a record that is expected to exist: such a push frees space.
    #[must_use]
    pub fn only_deletes(&self) -> bool {
        let deletes =
            |change: &Change| change.expected != Cursor::ZERO && change.state == RecordState::Tombstone;
        self.changes.iter().all(deletes)
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

/// Checks a push while an edge decodes it. The protocol puts the checks of a change between its id and blob on one side
/// and its cursor and key on the other, so a change is added in two steps: [`PushBuilder::check`], then
/// [`CheckedChange::add`].
#[derive(Debug)]
pub struct PushBuilder {
    checks: Checks,
    changes: Vec<Change>,
}

impl PushBuilder {
    /// A builder for `records` changes.
    ///
    /// # Errors
    /// [`InvalidPush::TooManyRecords`].
    pub fn new(records: usize, limits: PushLimits) -> Result<Self, InvalidPush> {
        Ok(Self { checks: Checks::begin(records, limits)?, changes: Vec::with_capacity(records) })
    }

    /// Checks the next change by its id and its blob; `None` for a tombstone.
    ///
    /// # Errors
    /// [`InvalidPush::DuplicateRecordId`], [`InvalidPush::BlobTooLarge`]; the first that applies.
    pub fn check(&mut self, id: RecordId, blob: Option<Bytes>) -> Result<CheckedChange<'_>, InvalidPush> {
        self.checks.change(id, blob.as_ref().map_or(0, Bytes::len))?;
        Ok(CheckedChange { changes: &mut self.changes, id, blob })
    }

    /// The push, made under `epoch` if the writer states one.
    ///
    /// # Errors
    /// [`InvalidPush::TooManyBytes`]; [`InvalidPush::TooManyRecords`] when more changes were added than announced and
    /// their number exceeds the limit.
    pub fn build(self, epoch: Option<Epoch>) -> Result<Push, InvalidPush> {
        let bytes = self.checks.end(self.changes.len())?;
        Ok(Push { changes: self.changes.into(), epoch, bytes })
    }
}

/// A change within its limits, still without cursor and key. Dropped, it is not part of the push.
#[derive(Debug)]
#[must_use = "a change that is not added is not pushed"]
pub struct CheckedChange<'b> {
    changes: &'b mut Vec<Change>,
    id: RecordId,
    blob: Option<Bytes>,
}

impl CheckedChange<'_> {
    /// Adds the change to the push. A tombstone has no key: `dek` is ignored then.
    pub fn add(self, expected: Cursor, dek: Option<Dek>) {
        let state = self.blob.map_or(RecordState::Tombstone, |blob| RecordState::Live { blob, dek });
        self.changes.push(Change { id: self.id, expected, state });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PushLimits = PushLimits { records: 3, blob: 4, bytes: 6 };

    fn id(number: u8) -> RecordId {
        RecordId::from_bytes([number; 16])
    }

    /// A push of records with these ids and blobs of these lengths, checked both ways.
    fn push(changes: &[(u8, usize)]) -> Result<usize, InvalidPush> {
        let live = |(number, length): &(u8, usize)| Change {
            id: id(*number),
            expected: Cursor::ZERO,
            state: RecordState::Live { blob: Bytes::from(vec![0; *length]), dek: None },
        };
        let at_once = Push::new(changes.iter().map(live).collect::<Vec<_>>(), None, LIMITS);
        let built = build(changes);
        assert_eq!(built.as_ref().err(), at_once.as_ref().err());
        if let (Ok(built), Ok(at_once)) = (&built, &at_once) {
            assert_eq!((built.changes(), built.bytes()), (at_once.changes(), at_once.bytes()));
        }
        at_once.map(|push| push.bytes())
    }

    fn build(changes: &[(u8, usize)]) -> Result<Push, InvalidPush> {
        let mut push = PushBuilder::new(changes.len(), LIMITS)?;
        for (number, length) in changes {
            push.check(id(*number), Some(Bytes::from(vec![0; *length])))?.add(Cursor::ZERO, None);
        }
        push.build(None)
    }

    /// The count first, then change by change, then the sum.
    #[test]
    fn violations_are_found_in_order() {
        assert_eq!(push(&[(1, 9), (1, 9), (1, 0), (1, 0)]), Err(InvalidPush::TooManyRecords));
        assert_eq!(push(&[(1, 4), (1, 9), (2, 9)]), Err(InvalidPush::DuplicateRecordId(id(1))));
        assert_eq!(push(&[(1, 4), (2, 5), (1, 4)]), Err(InvalidPush::BlobTooLarge));
        assert_eq!(push(&[(1, 4), (2, 2), (1, 9)]), Err(InvalidPush::DuplicateRecordId(id(1))));
        assert_eq!(push(&[(1, 4), (2, 4), (2, 0)]), Err(InvalidPush::DuplicateRecordId(id(2))));
        assert_eq!(push(&[(1, 4), (2, 4)]), Err(InvalidPush::TooManyBytes));
    }

    #[test]
    fn limits_are_inclusive() {
        assert_eq!(push(&[]), Ok(0));
        assert_eq!(push(&[(1, 4)]), Ok(4));
        assert_eq!(push(&[(1, 4), (2, 2), (3, 0)]), Ok(6));
    }

    #[test]
    fn builder_rejects_more_changes_than_the_limit_for_any_announced_count() {
        let mut push = PushBuilder::new(0, LIMITS).unwrap();
        for number in 1..=4 {
            push.check(id(number), None).unwrap().add(Cursor::ZERO, None);
        }
        assert_eq!(push.build(None).unwrap_err(), InvalidPush::TooManyRecords);
    }
}
