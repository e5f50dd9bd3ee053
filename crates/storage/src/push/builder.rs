//! Limit checks of a push, in the order that the protocol fixes (protocol §4.3, checks 5 to 7; storage §3.6).

use std::collections::HashSet;

use bytes::Bytes;
use less_sync_core::{Cursor, Dek, Epoch, RecordId};

use super::{Change, Push};
use crate::RecordState;

/// Limits of a push; each is inclusive.
#[derive(Clone, Copy, Debug)]
pub struct PushLimits {
    /// Number of changes.
    pub records: usize,
    /// Length of one blob, in bytes.
    pub blob: usize,
    /// Sum of all blobs, in bytes.
    pub bytes: usize,
}

/// Violation of a limit, or of the rule that a push names no record twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPush {
    /// More changes than [`PushLimits::records`].
    #[error("too many records in one push")]
    TooManyRecords,
    /// Two changes of one record.
    #[error("record id repeated within a push")]
    DuplicateRecordId(RecordId),
    /// A blob longer than [`PushLimits::blob`].
    #[error("record blob too large")]
    BlobTooLarge,
    /// Blobs that exceed [`PushLimits::bytes`] together.
    #[error("too many bytes in one push")]
    TooManyBytes,
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

/// Checks changes that are decoded already. Returns the sum of their blobs, in bytes.
pub(super) fn check(changes: &[Change], limits: PushLimits) -> Result<usize, InvalidPush> {
    let mut checks = Checks::begin(changes.len(), limits)?;
    for change in changes {
        checks.change(change.id, change.state.blob_bytes())?;
    }
    checks.end(changes.len())
}

/// Progress of the checks.
#[derive(Debug)]
struct Checks {
    limits: PushLimits,
    ids: Ids,
    bytes: usize,
}

impl Checks {
    fn begin(records: usize, limits: PushLimits) -> Result<Self, InvalidPush> {
        if records > limits.records {
            return Err(InvalidPush::TooManyRecords);
        }
        Ok(Self { limits, ids: Ids::None { announced: records }, bytes: 0 })
    }

    fn change(&mut self, id: RecordId, blob_bytes: usize) -> Result<(), InvalidPush> {
        if !self.ids.insert(id) {
            return Err(InvalidPush::DuplicateRecordId(id));
        }
        if blob_bytes > self.limits.blob {
            return Err(InvalidPush::BlobTooLarge);
        }
        self.bytes = self.bytes.saturating_add(blob_bytes);
        Ok(())
    }

    fn end(&self, records: usize) -> Result<usize, InvalidPush> {
        if records > self.limits.records {
            return Err(InvalidPush::TooManyRecords);
        }
        if self.bytes > self.limits.bytes { Err(InvalidPush::TooManyBytes) } else { Ok(self.bytes) }
    }
}

/// Record ids met so far. Most pushes have one change; a set is allocated for the second one only.
#[derive(Debug)]
enum Ids {
    None { announced: usize },
    One { first: RecordId, announced: usize },
    Many(HashSet<RecordId>),
}

impl Ids {
    /// Whether `id` was not met before.
    fn insert(&mut self, id: RecordId) -> bool {
        match self {
            Self::None { announced } => {
                *self = Self::One { first: id, announced: *announced };
                true
            }
            Self::One { first, .. } if *first == id => false,
            Self::One { first, announced } => {
                let mut ids = HashSet::with_capacity(*announced);
                ids.extend([*first, id]);
                *self = Self::Many(ids);
                true
            }
            Self::Many(ids) => ids.insert(id),
        }
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
    fn builder_rejects_more_changes_than_the_limit_whatever_was_announced() {
        let mut push = PushBuilder::new(0, LIMITS).unwrap();
        for number in 1..=4 {
            push.check(id(number), None).unwrap().add(Cursor::ZERO, None);
        }
        assert_eq!(push.build(None).unwrap_err(), InvalidPush::TooManyRecords);
    }
}
