//! Application of a push inside the write transaction (storage §3.6, steps 4 to 13).
//!
//! Everything is compared before anything is written, so a rejected push leaves no trace in the transaction that it
//! shares with others. Records are visited by ascending id, in the order of their index: the rows of a push with many changes
//! then share pages, instead of touching one page each in the order of random ids.

use std::sync::Arc;

use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_storage::stored::cursor;
use less_sync_storage::{
    Access, Change, DeletedFile, Push, PushError, PushRejection, Pushed, Quotas, ROW_BYTES, RecordState,
    Space, SpaceKind,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::access::{for_reading, for_writing};
use crate::disk_reserve::DiskReserve;
use crate::error::{one_row, storage_error};
use crate::tombstone::{bytes_of_files, tombstone_files};
use crate::usage::{self, move_cursor};

/// Maximum number of mismatching records that a conflict names.
const NAMED_MISMATCHES: usize = 100;

/// The lengths are in the header of the row: no content is read.
const SELECT_STORED: &str = "\
    SELECT cursor, coalesce(length(blob), 0) + coalesce(length(wrapped_dek), 0) FROM records
    WHERE space_id = ?1 AND id = ?2";

const INSERT: &str = "\
    INSERT INTO records (space_id, id, cursor, deleted, wrapped_dek, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const UPDATE: &str = "\
    UPDATE records SET cursor = ?3, deleted = ?4, wrapped_dek = ?5, blob = ?6 WHERE space_id = ?1 AND id = ?2";

/// Bounds of what pushes may add to the store.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) reserve: Arc<DiskReserve>,
    pub(crate) quotas: Quotas,
}

/// Applies every change or none. A push without changes only reads the cursor of the space; it runs in the write
/// transaction as well, so that it sees the pushes queued before it.
pub(crate) fn apply(
    db: &Connection,
    access: &Access,
    push: &Push,
    bounds: &Bounds,
) -> Result<Pushed, PushError> {
    if push.changes().is_empty() {
        let space = for_reading(db, access)?;
        return Ok(committed(&space, space.cursor, Vec::new()));
    }
    let space = for_writing(db, access)?;
    if space.kind != SpaceKind::Personal {
        push.check_epoch(space.min_key_generation)?;
    }
    if !push.only_deletes() && !bounds.reserve.admits(push.weight()) {
        return Err(PushRejection::StoreFull.into());
    }
    let mut by_id: Vec<(usize, &Change)> = push.changes().iter().enumerate().collect();
    by_id.sort_unstable_by_key(|(_, change)| change.id);
    let compared = compare(db, space.id, &by_id)?;
    if !compared.mismatches.is_empty() {
        return Ok(Pushed::Conflict { cursor: space.cursor, records: compared.mismatches });
    }
    let next = space.cursor.next().ok_or(PushRejection::CursorExhausted)?;
    let growth = push.stored_bytes() - compared.replaced;
    check_quotas(db, bounds.quotas, space.id, &by_id, growth)?;
    let tombstoned = write(db, space.id, &by_id, next, growth)?;
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

/// Comparison of a push with the stored records.
struct Compared {
    /// Records that are not at their expected cursor, in the order of the push; at most [`NAMED_MISMATCHES`].
    mismatches: Vec<RecordId>,
    /// Stored bytes of the records that exist, before the push.
    replaced: i64,
}

fn compare(db: &Connection, space: SpaceId, by_id: &[(usize, &Change)]) -> Result<Compared, PushError> {
    let mut select = db.prepare_cached(SELECT_STORED).map_err(storage_error)?;
    let (mut mismatches, mut replaced) = (Vec::new(), 0);
    for (place, change) in by_id {
        let stored = stored(&mut select, space, change)?;
        replaced += stored.bytes;
        if stored.cursor != change.expected {
            mismatches.push((*place, change.id));
        }
    }
    mismatches.sort_unstable();
    mismatches.truncate(NAMED_MISMATCHES);
    Ok(Compared { mismatches: mismatches.into_iter().map(|(_, id)| id).collect(), replaced })
}

/// Cursor and stored bytes of a record; both zero if the record does not exist. A tombstone counts as present.
struct Stored {
    cursor: Cursor,
    bytes: i64,
}

fn stored(select: &mut CachedStatement<'_>, space: SpaceId, change: &Change) -> Result<Stored, PushError> {
    let found = select
        .query_row(params![space.as_bytes(), change.id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(storage_error)?;
    let Some((at, content)) = found else { return Ok(Stored { cursor: Cursor::ZERO, bytes: 0 }) };
    let content: i64 = content;
    Ok(Stored { cursor: cursor(at)?, bytes: content + ROW_BYTES.cast_signed() })
}

/// Checks a push against the quotas. `growth`: stored bytes that it adds, without the files that are deleted with their
/// records; those are looked up only if they may decide.
fn check_quotas(
    db: &Connection,
    quotas: Quotas,
    space: SpaceId,
    by_id: &[(usize, &Change)],
    growth: i64,
) -> Result<(), PushError> {
    if growth <= 0 || quotas.is_unlimited() {
        return Ok(());
    }
    let mut growth = growth;
    for (_, change) in by_id.iter().filter(|(_, change)| change.state == RecordState::Tombstone) {
        growth -= bytes_of_files(db, space, change.id)?;
    }
    Ok(usage::check(db, quotas, space, growth)?.map_err(PushRejection::QuotaExceeded)?)
}

/// Writes the changes under the cursor `next`, which add `growth` stored bytes without deleted files. Returns the files deleted
/// with their records.
fn write(
    db: &Connection,
    space: SpaceId,
    by_id: &[(usize, &Change)],
    next: Cursor,
    growth: i64,
) -> Result<Vec<DeletedFile>, PushError> {
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    let mut update = db.prepare_cached(UPDATE).map_err(storage_error)?;
    let (mut tombstoned, mut freed) = (Vec::new(), 0);
    for (_, change) in by_id {
        if change.expected == Cursor::ZERO {
            write_one(&mut insert, space, change, next)?;
            continue;
        }
        write_one(&mut update, space, change, next)?;
        if change.state == RecordState::Tombstone {
            freed += tombstone_files(db, space, change.id, next, &mut tombstoned)?;
        }
    }
    move_cursor(db, space, next, growth - freed)?;
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
