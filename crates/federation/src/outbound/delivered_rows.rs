//! Rows of a stream that have been passed on: where it continues after a gap, and which of its rows are repeats.

use std::collections::HashSet;

use less_sync_core::Cursor;
use less_sync_storage::PullPosition;

/// Rows that have been passed on, which come in ascending order of their cursors. Rows of one cursor may come in any order: a home
/// server that is an original one has its own.
#[derive(Debug)]
pub(super) struct DeliveredRows {
    /// Cursor up to which every row has been passed on.
    complete: Cursor,
    /// Cursor of the last row, some of whose rows may be missing.
    last: Cursor,
    /// Rows of that cursor: one push, or one entry.
    of_last: HashSet<(u8, [u8; 16])>,
}

impl DeliveredRows {
    /// No rows above `since`.
    pub(super) fn after(since: Cursor) -> Self {
        Self { complete: since, last: since, of_last: HashSet::new() }
    }

    /// Lower bound of a stream that goes on with the rows that are missing, and repeats some.
    pub(super) fn complete(&self) -> Cursor {
        self.complete
    }

    /// Returns true for a row that has been passed on.
    pub(super) fn has(&self, row: PullPosition) -> bool {
        row.cursor <= self.complete || (row.cursor == self.last && self.of_last.contains(&(row.rank, row.id)))
    }

    /// Takes note of a row that was passed on.
    pub(super) fn add(&mut self, row: PullPosition) {
        if row.cursor > self.last {
            self.complete = self.last;
            self.last = row.cursor;
            self.of_last.clear();
        }
        self.of_last.insert((row.rank, row.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cursor: u64, id: u8) -> PullPosition {
        PullPosition { cursor: Cursor::new(cursor).unwrap(), rank: 0, id: [id; 16] }
    }

    #[test]
    fn stream_goes_on_before_the_rows_of_the_last_cursor() {
        let mut rows = DeliveredRows::after(Cursor::new(4).unwrap());
        assert_eq!(rows.complete().get(), 4);
        rows.add(at(6, 2));
        assert_eq!(rows.complete().get(), 4, "the push may have more rows");
        rows.add(at(6, 1));
        assert!(rows.has(at(6, 2)) && rows.has(at(6, 1)) && !rows.has(at(6, 3)));
        rows.add(at(9, 1));
        assert_eq!(rows.complete().get(), 6);
        assert!(rows.has(at(6, 3)) && rows.has(at(9, 1)) && !rows.has(at(9, 2)) && !rows.has(at(10, 1)));
    }
}
