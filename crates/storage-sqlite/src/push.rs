//! Application of a push inside the write transaction (storage §3.6, steps 4 to 13).
//!
//! Everything is compared before anything is written, so a rejected push leaves no trace in the transaction that it
//! shares with others. Records are visited by ascending id, in the order of their index: the rows of a push with many changes
//! then share pages, instead of touching one page each in the order of random ids.

use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_storage::stored::cursor;
use less_sync_storage::{
    Access, Change, DeletedFile, Push, PushError, PushRejection, Pushed, RecordState, Space, SpaceKind,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::access::{for_reading, for_writing};
use crate::disk_reserve::DiskReserve;
use crate::error::{one_row, storage_error};
use crate::spaces::move_cursor;
use crate::tombstone::tombstone_files;

/// Maximum number of mismatching records that a conflict names.
const NAMED_MISMATCHES: usize = 100;

const SELECT_CURSOR: &str = "SELECT cursor FROM records WHERE space_id = ?1 AND id = ?2";

const INSERT: &str = "\
    INSERT INTO records (space_id, id, cursor, deleted, wrapped_dek, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const UPDATE: &str = "\
    UPDATE records SET cursor = ?3, deleted = ?4, wrapped_dek = ?5, blob = ?6 WHERE space_id = ?1 AND id = ?2";

/// Applies every change or none. A push without changes only reads the cursor of the space; it runs in the write
/// transaction as well, so that it sees the pushes queued before it.
pub(crate) fn apply(
    db: &Connection,
    access: &Access,
    push: &Push,
    reserve: &DiskReserve,
) -> Result<Pushed, PushError> {
    if push.changes().is_empty() {
        let space = for_reading(db, access)?;
        return Ok(committed(&space, space.cursor, Vec::new()));
    }
    let space = for_writing(db, access)?;
    if space.kind != SpaceKind::Personal {
        push.check_epoch(space.min_key_generation)?;
    }
    if !push.only_deletes() && !reserve.admits(push.weight()) {
        return Err(PushRejection::StoreFull.into());
    }
    let mut by_id: Vec<(usize, &Change)> = push.changes().iter().enumerate().collect();
    by_id.sort_unstable_by_key(|(_, change)| change.id);
    let mismatches = mismatches(db, space.id, &by_id)?;
    if !mismatches.is_empty() {
        return Ok(Pushed::Conflict { cursor: space.cursor, records: mismatches });
    }
    let next = space.cursor.next().ok_or(PushRejection::CursorExhausted)?;
    let tombstoned = write(db, space.id, &by_id, next)?;
    Ok(committed(&space, next, tombstoned))
}

fn committed(space: &Space, cursor: Cursor, deleted_files: Vec<DeletedFile>) -> Pushed {
    Pushed::Committed {
        prev: space.cursor,
        cursor,
        key_generation: space.key_generation,
        rewrap_epoch: space.rewrap_epoch,
        deleted_files,
    }
}

/// Records that are not at their expected cursor, in the order of the push; at most [`NAMED_MISMATCHES`].
fn mismatches(
    db: &Connection,
    space: SpaceId,
    by_id: &[(usize, &Change)],
) -> Result<Vec<RecordId>, PushError> {
    let mut select = db.prepare_cached(SELECT_CURSOR).map_err(storage_error)?;
    let mut mismatches = Vec::new();
    for (place, change) in by_id {
        if stored_cursor(&mut select, space, change)? != change.expected {
            mismatches.push((*place, change.id));
        }
    }
    mismatches.sort_unstable();
    mismatches.truncate(NAMED_MISMATCHES);
    Ok(mismatches.into_iter().map(|(_, id)| id).collect())
}

/// Stored cursor of a record; zero if the record does not exist. A tombstone counts as present.
fn stored_cursor(
    select: &mut CachedStatement<'_>,
    space: SpaceId,
    change: &Change,
) -> Result<Cursor, PushError> {
    let found = select
        .query_row(params![space.as_bytes(), change.id.as_bytes()], |row| row.get(0))
        .optional()
        .map_err(storage_error)?;
    Ok(found.map_or(Ok(Cursor::ZERO), cursor)?)
}

/// Writes the changes under the cursor `next` and returns the files deleted with their records.
fn write(
    db: &Connection,
    space: SpaceId,
    by_id: &[(usize, &Change)],
    next: Cursor,
) -> Result<Vec<DeletedFile>, PushError> {
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    let mut update = db.prepare_cached(UPDATE).map_err(storage_error)?;
    let mut tombstoned = Vec::new();
    for (_, change) in by_id {
        if change.expected == Cursor::ZERO {
            write_one(&mut insert, space, change, next)?;
            continue;
        }
        write_one(&mut update, space, change, next)?;
        if change.state == RecordState::Tombstone {
            tombstone_files(db, space, change.id, next, &mut tombstoned)?;
        }
    }
    move_cursor(db, space, next)?;
    Ok(tombstoned)
}

fn write_one(
    statement: &mut CachedStatement<'_>,
    space: SpaceId,
    change: &Change,
    next: Cursor,
) -> Result<(), PushError> {
    let (blob, dek) = match &change.state {
        RecordState::Live { blob, dek } => (Some(blob.as_ref()), dek.as_ref()),
        RecordState::Tombstone => (None, None),
    };
    one_row(statement.execute(params![
        space.as_bytes(),
        change.id.as_bytes(),
        next.as_i64(),
        blob.is_none(),
        dek.map(less_sync_core::Dek::as_bytes),
        blob,
    ]))
}
