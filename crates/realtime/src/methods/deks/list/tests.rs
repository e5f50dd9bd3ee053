use less_sync_core::{Cursor, Dek};
use less_sync_storage::DekId;

use super::*;

/// Encoded size of a row whose cursor is below 24, in bytes.
const ROW: usize = 105;

fn row(number: u8, epoch: u8) -> StoredDek {
    let mut dek = [number; Dek::LENGTH];
    dek[..4].copy_from_slice(&[0, 0, 0, epoch]);
    StoredDek {
        id: DekId::from_bytes([number; 16]),
        cursor: Cursor::new(number.into()).unwrap(),
        dek: Dek::try_from(&dek[..]).unwrap(),
    }
}

/// Numbers of the rows that are kept of these (number, epoch), within room for so many, in epoch 2.
fn kept(rows: &[(u8, u8)], room: usize) -> Vec<u64> {
    kept_in(Some(Epoch::new(2).unwrap()), rows, room)
}

fn kept_in(key_generation: Option<Epoch>, rows: &[(u8, u8)], room: usize) -> Vec<u64> {
    let mut list = DekList::new(DekKind::Record, key_generation, room * ROW);
    for (number, epoch) in rows {
        list.add(row(*number, *epoch));
    }
    list.into_rows().iter().map(|row| row.cursor.get()).collect()
}

#[test]
fn everything_that_fits_is_kept_in_order() {
    assert_eq!(kept(&[], 0), [0; 0]);
    assert_eq!(kept(&[(1, 2), (2, 1), (3, 2), (4, 1)], 4), [1, 2, 3, 4]);
}

/// Newer-clients §4.3: rows that need no rewrap go first out, all of them.
#[test]
fn rows_of_the_current_epoch_go_first_out() {
    assert_eq!(kept(&[(1, 2), (2, 1), (3, 2), (4, 1)], 3), [2, 4]);
    assert_eq!(kept(&[(1, 2), (2, 2), (3, 2)], 2), [0; 0]);
    assert_eq!(kept(&[(1, 1), (2, 1), (3, 2), (4, 2)], 3), [1, 2], "also when they come last");
    assert_eq!(kept(&[(1, 2), (2, 2), (3, 1), (4, 1)], 2), [3, 4], "an old row takes their room");
}

#[test]
fn rows_with_the_lowest_cursors_are_kept() {
    assert_eq!(kept(&[(1, 1), (2, 1), (3, 1), (4, 1)], 3), [1, 2, 3]);
    assert_eq!(kept(&[(1, 1), (2, 2), (3, 1), (4, 1), (5, 2)], 2), [1, 3]);
}

/// Rows of the oldest epochs are kept while the key generation is unknown, so that rewraps in several rounds come to an end.
#[test]
fn latest_epoch_stands_for_an_unknown_generation() {
    assert_eq!(kept_in(None, &[(1, 2), (2, 1), (3, 2), (4, 1)], 4), [1, 2, 3, 4]);
    assert_eq!(kept_in(None, &[(1, 1), (2, 1), (3, 1)], 2), [1, 2], "all may need a rewrap");
    assert_eq!(kept_in(None, &[(1, 2), (2, 2), (3, 1), (4, 1)], 2), [3, 4]);
    assert_eq!(kept_in(None, &[(1, 1), (2, 2), (3, 1), (4, 2)], 2), [1, 3]);
}

/// Keys of an epoch that does not exist are not of the current one.
#[test]
fn every_other_epoch_is_old() {
    assert_eq!(kept(&[(1, 0), (2, 3), (3, 2)], 2), [1, 2]);
}

#[test]
fn row_takes_what_the_specification_says_at_most() {
    let mut longest = row(9, 1);
    longest.cursor = Cursor::MAX;
    let mut out = Vec::new();
    write_row(DekKind::Record, &longest, &mut out);
    assert_eq!(out.len(), 113);
    out.clear();
    write_row(DekKind::Record, &row(9, 1), &mut out);
    assert_eq!(out.len(), ROW);
}
