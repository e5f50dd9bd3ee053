//! Claims of due entries of the object queue, and its state.
//!
//! Objects of deleted files are marked for deletion after the shortest grace; a longer one is added
//! to it when they are looked for. A claim increments `attempts`: an entry with
//! `attempts > 0` has had its grace.

use std::time::Duration;

use less_sync_core::SpaceId;
use less_sync_storage::{ClaimDue, DueObject, OBJECT_GRACE, ObjectQueueState, StorageError, UploadId};
use rusqlite::{Connection, Row, params};

use crate::clock::{micros, now_micros};
use crate::error::{one_row, storage_error};

/// Due at `not_before`: attempts, and what was claimed before.
const SELECT_DUE: &str = "\
    SELECT space_id, upload_id, object_key, attempts, not_before FROM blob_uploads
    WHERE (pending_delete = 0 OR attempts > 0) AND not_before <= ?1 ORDER BY not_before LIMIT ?2";

/// Due when their grace is over: objects of deleted files.
const SELECT_PAST_GRACE: &str = "\
    SELECT space_id, upload_id, object_key, attempts, not_before FROM blob_uploads
    WHERE pending_delete = 1 AND attempts = 0 AND not_before <= ?1 ORDER BY not_before LIMIT ?2";

/// From now on no commit finds the attempt (storage R7).
const CLAIM: &str = "\
    UPDATE blob_uploads SET pending_delete = 1, attempts = attempts + 1, not_before = ?3
    WHERE space_id = ?1 AND upload_id = ?2";

const COUNT: &str = "\
    SELECT count(*) FILTER (WHERE not_before > ?1 AND pending_delete = 0), count(*), min(not_before) FROM blob_uploads
    WHERE (pending_delete = 0 OR attempts > 0)";

const COUNT_GRACED: &str =
    "SELECT count(*), min(not_before) FROM blob_uploads WHERE pending_delete = 1 AND attempts = 0";

/// Claims the entries that have been due for longest.
pub(super) fn claim(db: &Connection, claim: ClaimDue) -> Result<Vec<DueObject>, StorageError> {
    let (now, more) = (now_micros(), beyond_shortest(claim.grace));
    let mut due = select(db, SELECT_DUE, now, claim.limit, 0)?;
    due.extend(select(db, SELECT_PAST_GRACE, now, claim.limit, more)?);
    due.sort_by_key(|(since, _)| *since);
    due.truncate(claim.limit);
    let mut update = db.prepare_cached(CLAIM).map_err(storage_error)?;
    let lease = now.saturating_add(micros(claim.lease));
    for (_, object) in &due {
        one_row(update.execute(params![object.space.as_bytes(), object.entry.as_bytes(), lease]))?;
    }
    Ok(due.into_iter().map(|(_, object)| object).collect())
}

/// State of the queue as seen by a sweeper with this grace.
pub(crate) fn state(db: &Connection, grace: Duration) -> Result<ObjectQueueState, StorageError> {
    let (now, more) = (now_micros(), beyond_shortest(grace));
    let mut count = db.prepare_cached(COUNT).map_err(storage_error)?;
    let (uploads, all, first): (u32, u32, Option<i64>) =
        count.query_row([now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(storage_error)?;
    let mut count = db.prepare_cached(COUNT_GRACED).map_err(storage_error)?;
    let (graced, first_graced): (u32, Option<i64>) =
        count.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(storage_error)?;
    let first_graced = first_graced.map(|since| since.saturating_add(more));
    let oldest = first.into_iter().chain(first_graced).min();
    let overdue = oldest.and_then(|since| u64::try_from(now.saturating_sub(since)).ok());
    Ok(ObjectQueueState {
        uploads: uploads.into(),
        pending_delete: u64::from(all.saturating_sub(uploads)) + u64::from(graced),
        oldest_due: overdue.map(Duration::from_micros),
    })
}

/// Grace beyond the shortest one, which `not_before` of objects of deleted files includes already.
fn beyond_shortest(grace: Duration) -> i64 {
    micros(grace.saturating_sub(OBJECT_GRACE))
}

/// Selects the entries of `sql` that are due when `later` is added to their `not_before`, each with its due time.
fn select(
    db: &Connection,
    sql: &str,
    now: i64,
    limit: usize,
    later: i64,
) -> Result<Vec<(i64, DueObject)>, StorageError> {
    let mut select = db.prepare_cached(sql).map_err(storage_error)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map(params![now.saturating_sub(later), limit], |row| {
        Ok((row.get::<_, i64>(4)?.saturating_add(later), read(row)?))
    });
    rows.and_then(Iterator::collect).map_err(storage_error)
}

fn read(row: &Row<'_>) -> rusqlite::Result<DueObject> {
    Ok(DueObject {
        space: SpaceId::from_bytes(row.get(0)?),
        entry: UploadId::from_bytes(row.get(1)?),
        name: row.get::<_, String>(2)?.into(),
        attempts: row.get(3)?,
    })
}
