//! Size-bounded list of rows in the result of a listing; the chunks have no such bound (newer-clients §4.3).

use less_sync_core::{DekKind, Epoch};
use less_sync_storage::StoredDek;

use super::rows::write_row;

/// Rows that fit into one response. If not all do, rows that need no rewrap are left out first, then the last ones.
///
/// A list that was cut is safe: `epoch.complete` rejects while old keys are left, and the client lists again.
pub(super) struct DekList {
    kind: DekKind,
    /// Key generation of the space; `None` for a space of another server, whose key generation is not in its listings.
    key_generation: Option<Epoch>,
    /// Latest epoch of a row, in place of an unknown key generation.
    latest: u32,
    /// Maximum size of the encoded rows, in bytes.
    budget: usize,
    old: Kept,
    /// Rows of the current epoch; none any more once anything has been left out.
    current: Kept,
    is_cut: bool,
    /// Reused buffer that rows are encoded into to measure them.
    scratch: Vec<u8>,
}

struct Kept {
    rows: Vec<StoredDek>,
    bytes: usize,
}

impl Kept {
    const NOTHING: Self = Self { rows: Vec::new(), bytes: 0 };

    fn push(&mut self, row: StoredDek, bytes: usize) {
        self.rows.push(row);
        self.bytes += bytes;
    }
}

impl DekList {
    pub(super) fn new(kind: DekKind, key_generation: Option<Epoch>, budget: usize) -> Self {
        let (old, current) = (Kept::NOTHING, Kept::NOTHING);
        Self { kind, key_generation, latest: 0, budget, old, current, is_cut: false, scratch: Vec::new() }
    }

    /// Adds a row; rows come ascending (cursor, id).
    pub(super) fn add(&mut self, row: StoredDek) {
        self.scratch.clear();
        write_row(self.kind, &row, &mut self.scratch);
        let bytes = self.scratch.len();
        let is_current = self.is_current(row.dek.epoch_prefix());
        if self.old.bytes + self.current.bytes + bytes > self.budget {
            self.is_cut = true;
            // By a known generation, rows of the current epoch are of no use in a list that is cut. Otherwise all rows may be of
            // the same old epoch, and only an older one takes their room.
            if self.key_generation.is_some() || !is_current {
                self.current = Kept::NOTHING;
            }
        }
        if !is_current && self.old.bytes + bytes <= self.budget {
            self.old.push(row, bytes);
        } else if is_current && !self.is_cut {
            self.current.push(row, bytes);
        }
    }

    /// True for a row that needs no rewrap. While the key generation is unknown, these are rows of the latest epoch so far.
    fn is_current(&mut self, epoch: u32) -> bool {
        if let Some(generation) = self.key_generation {
            return u32::try_from(generation.get()).ok() == Some(epoch);
        }
        if epoch > self.latest {
            self.latest = epoch;
            let Kept { rows, bytes } = std::mem::replace(&mut self.current, Kept::NOTHING);
            self.old.rows.extend(rows);
            self.old.bytes += bytes;
        }
        epoch == self.latest
    }

    /// The kept rows, ascending (cursor, id).
    pub(super) fn into_rows(self) -> Vec<StoredDek> {
        let mut rows = self.old.rows;
        rows.extend(self.current.rows);
        rows.sort_unstable_by_key(|row| (row.cursor, row.id));
        rows
    }
}

#[cfg(test)]
mod tests;
