//! Listing of all spaces, and bounded counts of their rows.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::SpaceId;
use less_sync_storage::stored::{cursor, epoch};
use less_sync_storage::{
    Flow, INVENTORY_PAGE, Inventory, ListedSpace, PENDING_REWRAPS_BOUND, PendingRewraps, RowCounts,
    StorageError,
};
use rusqlite::{Connection, Row, params};

use crate::SqliteStorage;
use crate::clock::now_micros;
use crate::error::{database, storage_error};

const LIST: &str = "\
    SELECT id, root_public_key IS NOT NULL, cursor, stored_bytes, key_generation, rewrap_epoch, home_server
    FROM spaces WHERE id > ?1 ORDER BY id LIMIT ?2";

/// Spaces in the index of pending rewraps, up to a bound, and the start of the oldest one.
const PENDING: &str = "\
    SELECT (SELECT count(*) FROM (SELECT 1 FROM spaces INDEXED BY idx_spaces_rewrap
                WHERE rewrap_epoch IS NOT NULL LIMIT ?1)),
           (SELECT min(rewrap_since) FROM spaces INDEXED BY idx_spaces_rewrap WHERE rewrap_epoch IS NOT NULL)";

/// The indexes hold no blob, so that the counts read short entries only.
const COUNT: &str = "\
    SELECT (SELECT count(*) FROM (SELECT 1 FROM records INDEXED BY idx_records_sync WHERE space_id = ?1 LIMIT ?2)),
           (SELECT count(*) FROM (SELECT 1 FROM files INDEXED BY idx_files_sync WHERE space_id = ?1 LIMIT ?2)),
           (SELECT count(*) FROM (SELECT 1 FROM members INDEXED BY idx_members_sync WHERE space_id = ?1 LIMIT ?2))";

#[async_trait]
impl Inventory for SqliteStorage {
    async fn list_spaces(
        &self,
        after: Option<SpaceId>,
        limit: u32,
    ) -> Result<Vec<ListedSpace>, StorageError> {
        self.readers.read(Flow::SERVER, move |db| list(db, after, limit.min(INVENTORY_PAGE))).await
    }

    async fn count_rows(&self, space: SpaceId, bound: u32) -> Result<RowCounts, StorageError> {
        self.readers
            .read(Flow::SERVER, move |db| {
                let mut count = db.prepare_cached(COUNT).map_err(storage_error)?;
                let read = |row: &Row<'_>| {
                    Ok(RowCounts { records: row.get(0)?, files: row.get(1)?, members: row.get(2)? })
                };
                count.query_row(params![space.as_bytes(), bound], read).map_err(storage_error)
            })
            .await
    }

    async fn pending_rewraps(&self) -> Result<PendingRewraps, StorageError> {
        self.readers.read(Flow::SERVER, pending).await
    }
}

fn pending(db: &Connection) -> Result<PendingRewraps, StorageError> {
    let mut select = db.prepare_cached(PENDING).map_err(storage_error)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?));
    let (spaces, since) = select.query_row([PENDING_REWRAPS_BOUND], read).map_err(storage_error)?;
    let age = |since| Duration::from_micros(u64::try_from(now_micros().saturating_sub(since)).unwrap_or(0));
    Ok(PendingRewraps { spaces, oldest: since.map(age) })
}

fn list(db: &Connection, after: Option<SpaceId>, limit: u32) -> Result<Vec<ListedSpace>, StorageError> {
    let mut select = db.prepare_cached(LIST).map_err(storage_error)?;
    // Every id is greater than the empty blob.
    let after = after.as_ref().map_or(&[][..], |space| space.as_bytes());
    let rows = select.query_map(params![after, limit], |row| Ok(read(row))).map_err(storage_error)?;
    rows.map(|row| row.map_err(storage_error)?).collect()
}

fn read(row: &Row<'_>) -> Result<ListedSpace, StorageError> {
    Ok(ListedSpace {
        id: SpaceId::from_bytes(row.get(0).map_err(database)?),
        is_shared: row.get(1).map_err(database)?,
        cursor: cursor(row.get(2).map_err(database)?)?,
        stored_bytes: u64::try_from(row.get::<_, i64>(3).map_err(database)?).unwrap_or(0),
        key_generation: epoch(row.get(4).map_err(database)?)?,
        rewrap_epoch: row.get::<_, Option<i32>>(5).map_err(database)?.map(epoch).transpose()?,
        home_server: row.get(6).map_err(database)?,
    })
}
