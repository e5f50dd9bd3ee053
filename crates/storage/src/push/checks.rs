//! Limit checks of a push, in the order that the protocol fixes (protocol §4.3, checks 5 to 7; storage §3.6).

use std::collections::HashSet;

use less_sync_core::RecordId;

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

/// Progress of the checks.
#[derive(Debug)]
pub(super) struct Checks {
    limits: PushLimits,
    ids: Ids,
    bytes: usize,
}

impl Checks {
    pub(super) fn begin(records: usize, limits: PushLimits) -> Result<Self, InvalidPush> {
        if records > limits.records {
            return Err(InvalidPush::TooManyRecords);
        }
        Ok(Self { limits, ids: Ids::None { announced: records }, bytes: 0 })
    }

    pub(super) fn change(&mut self, id: RecordId, blob_bytes: usize) -> Result<(), InvalidPush> {
        if !self.ids.insert(id) {
            return Err(InvalidPush::DuplicateRecordId(id));
        }
        if blob_bytes > self.limits.blob {
            return Err(InvalidPush::BlobTooLarge);
        }
        self.bytes = self.bytes.saturating_add(blob_bytes);
        Ok(())
    }

    pub(super) fn end(&self, records: usize) -> Result<usize, InvalidPush> {
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
    /// Returns true for the first occurrence of `id`.
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
