//! Verdict on one entry of a rewrap (storage §3.12, newer-clients §4.4).

use less_sync_core::{Cursor, DekKind};

use crate::{DekRejection, Rewrap, RewrapGuard};

/// Stored row that an entry of a rewrap names.
#[derive(Clone, Copy, Debug)]
pub struct DekRow<'a> {
    /// Cursor of the last change of the row.
    pub cursor: Cursor,
    /// Stored key. `None`: a tombstone, or a record that was pushed without a key.
    pub key: Option<&'a [u8]>,
}

/// Verdict on one entry of a rewrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewrapVerdict {
    /// Replace the stored key.
    Replace,
    /// Count the entry, change nothing.
    Skip,
    /// Reject all entries: the stored key is not the observed one.
    Outdated,
    /// Reject all entries: the row does not exist.
    Unknown,
}

impl Rewrap {
    /// Decides on this entry, given the row that it names. An observed key decides alone; without one the guard does.
    #[must_use]
    pub fn verdict(&self, row: Option<DekRow<'_>>, guard: RewrapGuard) -> RewrapVerdict {
        match (row, &self.observed) {
            (None, None) => RewrapVerdict::Unknown,
            (Some(DekRow { key: Some(key), .. }), Some(observed)) if key == &observed[..] => {
                RewrapVerdict::Replace
            }
            (_, Some(_)) => RewrapVerdict::Outdated,
            (Some(row), None) if self.may_replace(row, guard) => RewrapVerdict::Replace,
            (Some(_), None) => RewrapVerdict::Skip,
        }
    }

    /// Returns true if an entry without an observed key may replace the key of `row`.
    fn may_replace(&self, row: DekRow<'_>, guard: RewrapGuard) -> bool {
        let Some(key) = row.key else { return false };
        match guard {
            RewrapGuard::Listed(bound) => row.cursor <= bound,
            RewrapGuard::Unlisted => key.get(..4) != self.dek.as_bytes().get(..4),
            RewrapGuard::Off => true,
        }
    }
}

impl DekRejection {
    /// The error for [`RewrapVerdict::Unknown`].
    #[must_use]
    pub fn not_found(kind: DekKind) -> Self {
        match kind {
            DekKind::Record => Self::RecordNotFound,
            DekKind::File => Self::FileNotFound,
        }
    }
}
