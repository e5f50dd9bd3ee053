//! Removal of a space in bounded transactions (storage §3.21).

use async_trait::async_trait;
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{
    OBJECT_GRACE, ObjectKey, PURGE_BYTES, PURGE_ROWS, PURGED_HOME, Purge, PurgeStep, StorageError,
};
use rusqlite::{Connection, params};

use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::error::storage_error;
use crate::{random, tombstone};

/// Estimate of the log bytes of a step: pages of rows, and of the lists of free pages.
const STEP_BYTES: usize = 4 * 1024 * 1024;

const FENCE: &str = "UPDATE spaces SET home_server = ?2 WHERE id = ?1";

const FILES: &str = "\
    SELECT id, object_key, deleted FROM files WHERE space_id = ?1 ORDER BY id LIMIT ?2";
const DELETE_FILES: &str = "DELETE FROM files WHERE space_id = ?1 AND id <= ?2";

/// The length of a blob is in the header of its row.
const RECORDS: &str = "\
    SELECT id, coalesce(length(blob), 0) FROM records WHERE space_id = ?1 ORDER BY id LIMIT ?2";
const DELETE_RECORDS: &str = "DELETE FROM records WHERE space_id = ?1 AND id <= ?2";

/// Tables whose rows have nothing to follow them, each with the deletion of some rows.
const REST: [&str; 3] = [
    "DELETE FROM members WHERE space_id = ?1 AND chain_seq IN
         (SELECT chain_seq FROM members WHERE space_id = ?1 ORDER BY chain_seq LIMIT ?2)",
    "DELETE FROM epoch_keys WHERE rowid IN (SELECT rowid FROM epoch_keys WHERE space_id = ?1 LIMIT ?2)",
    "DELETE FROM revocations WHERE space_id = ?1 AND ucan_cid IN
         (SELECT ucan_cid FROM revocations WHERE space_id = ?1 LIMIT ?2)",
];

const DELETE_SPACE: &str = "DELETE FROM spaces WHERE id = ?1";

#[async_trait]
impl Purge for SqliteStorage {
    async fn purge_step(&self, space: SpaceId) -> Result<PurgeStep, StorageError> {
        self.writer.write(STEP_BYTES, move |db| step(db, space)).await
    }
}

fn step(db: &Connection, space: SpaceId) -> Result<PurgeStep, StorageError> {
    let mut fence = db.prepare_cached(FENCE).map_err(storage_error)?;
    if fence.execute(params![space.as_bytes(), PURGED_HOME]).map_err(storage_error)? == 0 {
        return Ok(PurgeStep::Absent);
    }
    // Files first: they refer to records.
    let removed = files(db, space)?;
    if removed > 0 {
        return Ok(PurgeStep::Rows(removed));
    }
    let removed = records(db, space)?;
    if removed > 0 {
        return Ok(PurgeStep::Rows(removed));
    }
    let mut removed = 0;
    for sql in REST {
        let mut delete = db.prepare_cached(sql).map_err(storage_error)?;
        let rows = delete.execute(params![space.as_bytes(), PURGE_ROWS]).map_err(storage_error)?;
        removed += rows as u64;
        if rows as u64 == u64::from(PURGE_ROWS) {
            return Ok(PurgeStep::Rows(removed));
        }
    }
    // A trigger takes the stored bytes from those of the owner.
    let mut delete = db.prepare_cached(DELETE_SPACE).map_err(storage_error)?;
    delete.execute([space.as_bytes()]).map_err(storage_error)?;
    Ok(PurgeStep::Done(removed))
}

/// Removes files, and marks the objects of live ones for deletion.
fn files(db: &Connection, space: SpaceId) -> Result<u64, StorageError> {
    type Found = ([u8; 16], Option<String>, bool);
    let mut select = db.prepare_cached(FILES).map_err(storage_error)?;
    let found = select
        .query_map(params![space.as_bytes(), PURGE_ROWS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<Found>>>)
        .map_err(storage_error)?;
    let Some((last, ..)) = found.last() else { return Ok(0) };
    let not_before = now_micros().saturating_add(micros(OBJECT_GRACE));
    for (file, key, _) in found.iter().filter(|(.., deleted)| !deleted) {
        let file = FileId::from_bytes(*file);
        let key = key.clone().unwrap_or_else(|| ObjectKey::legacy(space, file).to_string());
        tombstone::mark_for_deletion(db, space, file, random::uuid(db)?, &key, not_before)?;
    }
    delete_up_to(db, DELETE_FILES, space, last)
}

/// Removes records, of which the last one may exceed the bound of bytes.
fn records(db: &Connection, space: SpaceId) -> Result<u64, StorageError> {
    let mut select = db.prepare_cached(RECORDS).map_err(storage_error)?;
    let mut rows = select.query(params![space.as_bytes(), PURGE_ROWS]).map_err(storage_error)?;
    let (mut last, mut bytes): (Option<[u8; 16]>, u64) = (None, 0);
    while bytes < PURGE_BYTES
        && let Some(row) = rows.next().map_err(storage_error)?
    {
        last = Some(row.get(0).map_err(storage_error)?);
        bytes = bytes.saturating_add(u64::from(row.get::<_, u32>(1).map_err(storage_error)?));
    }
    last.map_or(Ok(0), |last| delete_up_to(db, DELETE_RECORDS, space, &last))
}

fn delete_up_to(
    db: &Connection,
    sql: &'static str,
    space: SpaceId,
    last: &[u8; 16],
) -> Result<u64, StorageError> {
    let mut delete = db.prepare_cached(sql).map_err(storage_error)?;
    let rows = delete.execute(params![space.as_bytes(), last]).map_err(storage_error)?;
    Ok(rows as u64)
}
