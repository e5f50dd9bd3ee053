//! Piece of a rewrap of data keys, inside the write transaction (storage §3.12, newer-clients §4.4). Everything is compared
//! before anything is written.

use less_sync_core::{Cursor, Dek, DekKind};
use less_sync_storage::stored::cursor;
use less_sync_storage::{DekError, DekId, DekRejection, DekRow, Rewrap, RewrapGuard, RewrapVerdict, Space};
use rusqlite::{CachedStatement, Connection, MAIN_DB, OptionalExtension, params};

use super::statements;
use crate::error::storage_error;

/// Replaces keys of the current epoch, all or none; returns their number. Each id occurs once.
pub(super) fn apply(
    db: &Connection,
    space: &Space,
    kind: DekKind,
    entries: &[Rewrap],
    guard: RewrapGuard,
) -> Result<usize, DekError> {
    let replacements = decide(db, space, kind, entries, guard)?;
    write(db, kind, &replacements)?;
    Ok(replacements.len())
}

/// Checks that [`apply`] would accept the entries now.
pub(super) fn check(
    db: &Connection,
    space: &Space,
    kind: DekKind,
    entries: &[Rewrap],
    guard: RewrapGuard,
) -> Result<(), DekError> {
    decide(db, space, kind, entries, guard).map(drop)
}

/// The rows to change, each with its new key.
fn decide<'a>(
    db: &Connection,
    space: &Space,
    kind: DekKind,
    entries: &'a [Rewrap],
    guard: RewrapGuard,
) -> Result<Vec<(i64, &'a Dek)>, DekError> {
    let mut find = db.prepare_cached(statements::of(kind).find).map_err(storage_error)?;
    let (mut replacements, mut outdated) = (Vec::with_capacity(entries.len()), false);
    for entry in entries {
        let row = stored(&mut find, space, entry.id)?;
        match entry.verdict(row.as_ref().map(Stored::row), guard) {
            RewrapVerdict::Replace => replacements.extend(row.map(|row| (row.rowid, &entry.dek))),
            RewrapVerdict::Skip => {}
            RewrapVerdict::Outdated => outdated = true,
            RewrapVerdict::Unknown => return Err(DekRejection::not_found(kind).into()),
        }
    }
    if outdated { Err(DekRejection::Replaced.into()) } else { Ok(replacements) }
}

/// Stored row of a record or file.
struct Stored {
    rowid: i64,
    cursor: Cursor,
    /// Stored key; empty for tombstones and for records that were pushed without one.
    dek: Vec<u8>,
}

impl Stored {
    fn row(&self) -> DekRow<'_> {
        DekRow { cursor: self.cursor, key: Some(&*self.dek).filter(|key| !key.is_empty()) }
    }
}

fn stored(find: &mut CachedStatement<'_>, space: &Space, id: DekId) -> Result<Option<Stored>, DekError> {
    let row = find
        .query_row(params![space.id.as_bytes(), id.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<Vec<u8>>>(2)?))
        })
        .optional()
        .map_err(storage_error)?;
    let Some((rowid, at, dek)) = row else { return Ok(None) };
    Ok(Some(Stored { rowid, cursor: cursor(at)?, dek: dek.unwrap_or_default() }))
}

/// Writes the keys into their rows. An UPDATE would write each row anew, blob and all; the bytes of a key can be replaced
/// where they are, because its length never changes and no index contains it: `idx_records_keys` has it in its condition only.
fn write(db: &Connection, kind: DekKind, replacements: &[(i64, &Dek)]) -> Result<(), DekError> {
    let Some((first, _)) = replacements.first() else { return Ok(()) };
    let table = statements::of(kind).table;
    let mut key = db.blob_open(MAIN_DB, table, "wrapped_dek", *first, false).map_err(storage_error)?;
    for (rowid, dek) in replacements {
        key.reopen(*rowid).and_then(|()| key.write_all_at(dek.as_bytes(), 0)).map_err(storage_error)?;
    }
    key.close().map_err(storage_error)
}
