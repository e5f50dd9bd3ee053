//! What becomes of one entry of a rewrap (storage §3.12, newer-clients §4.4).

use less_sync_core::Cursor;

use crate::{Rewrap, RewrapGuard};

/// A row that an entry names, as it is.
#[derive(Clone, Copy, Debug)]
pub struct KeyedRow<'a> {
    /// Cursor of its last change.
    pub cursor: Cursor,
    /// Its key. `None`: a tombstone, or a record that was pushed without one.
    pub key: Option<&'a [u8]>,
}

/// What to do about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewrapVerdict {
    /// Replace the stored key.
    Replace,
    /// Count it, change nothing.
    Skip,
    /// Reject all entries: the stored key is not the observed one.
    Outdated,
    /// Reject all entries: there is no such row.
    Unknown,
}

impl<Id> Rewrap<Id> {
    /// What to do about this entry, `row` being what it names. An observed key decides alone; without one the guard
    /// does.
    #[must_use]
    pub fn verdict(&self, row: Option<KeyedRow<'_>>, guard: RewrapGuard) -> RewrapVerdict {
        match (row, &self.observed) {
            (None, None) => RewrapVerdict::Unknown,
            (Some(KeyedRow { key: Some(key), .. }), Some(observed)) if key == &observed[..] => {
                RewrapVerdict::Replace
            }
            (_, Some(_)) => RewrapVerdict::Outdated,
            (Some(row), None) if self.may_replace(row, guard) => RewrapVerdict::Replace,
            (Some(_), None) => RewrapVerdict::Skip,
        }
    }

    /// Whether an entry that does not say what it was made from may replace the key.
    fn may_replace(&self, row: KeyedRow<'_>, guard: RewrapGuard) -> bool {
        let Some(key) = row.key else { return false };
        match guard {
            RewrapGuard::Listed(bound) => row.cursor <= bound,
            RewrapGuard::Unlisted => key.get(..4) != self.dek.as_bytes().get(..4),
            RewrapGuard::Off => true,
        }
    }
}
