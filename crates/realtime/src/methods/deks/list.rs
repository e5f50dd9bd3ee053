//! The list in the result of a listing, which has a bound that the chunks have not (newer-clients §4.3).

use less_sync_core::Epoch;
use less_sync_storage::StoredDek;

use super::rows::DekRows;

/// Rows that fit an answer. If not all do, those that need no rewrap go first out, then those that come last.
///
/// A list that was cut is safe: `epoch.complete` rejects while old keys are left, and the client lists again.
pub(super) struct DekList<Id> {
    key_generation: Epoch,
    /// What the encoded rows may take, in bytes.
    budget: usize,
    old: Kept<Id>,
    /// Rows of the current epoch; none any more once anything has been left out.
    current: Kept<Id>,
    is_cut: bool,
    /// Where rows are measured.
    scratch: Vec<u8>,
}

struct Kept<Id> {
    rows: Vec<StoredDek<Id>>,
    bytes: usize,
}

impl<Id> Kept<Id> {
    const NOTHING: Self = Self { rows: Vec::new(), bytes: 0 };

    fn push(&mut self, row: StoredDek<Id>, bytes: usize) {
        self.rows.push(row);
        self.bytes += bytes;
    }
}

impl<Id: DekRows> DekList<Id> {
    pub(super) fn new(key_generation: Epoch, budget: usize) -> Self {
        let (old, current) = (Kept::NOTHING, Kept::NOTHING);
        Self { key_generation, budget, old, current, is_cut: false, scratch: Vec::new() }
    }

    /// Notes a row; rows come ascending (cursor, id).
    pub(super) fn add(&mut self, row: StoredDek<Id>) {
        self.scratch.clear();
        Id::write_row(&row, &mut self.scratch);
        let bytes = self.scratch.len();
        if self.old.bytes + self.current.bytes + bytes > self.budget {
            self.is_cut = true;
            self.current = Kept::NOTHING;
        }
        let is_current = u32::try_from(self.key_generation.get()).ok() == Some(row.dek.epoch_prefix());
        if !is_current && self.old.bytes + bytes <= self.budget {
            self.old.push(row, bytes);
        } else if is_current && !self.is_cut {
            self.current.push(row, bytes);
        }
    }

    /// The rows that are kept, ascending (cursor, id).
    pub(super) fn into_rows(self) -> Vec<StoredDek<Id>> {
        let mut rows = self.old.rows;
        rows.extend(self.current.rows);
        rows.sort_unstable_by_key(|row| (row.cursor, row.id));
        rows
    }
}

#[cfg(test)]
mod tests;
