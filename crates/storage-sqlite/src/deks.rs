//! Data keys of records and files: the same operations on two tables.

mod rewrap;
mod statements;

use async_trait::async_trait;
use less_sync_core::{Cursor, DekKind};
use less_sync_storage::stored::{cursor, dek as stored_dek};
use less_sync_storage::{
    AdminGrant, DekError, DekId, DekListing, DekPage, DekPosition, Deks, ReadGrant, Rewrap, RewrapGuard,
    Rewrapped, StorageError, StoredDek,
};
use rusqlite::{Connection, Row, params};

use crate::SqliteStorage;
use crate::access::for_reading;
use crate::error::{database, storage_error};
use crate::writer::Load;

/// Estimate of the log bytes per replaced key. Pages hold several rows, so less than a page.
const KEY_BYTES: usize = 1024;

const HAS_FILES: &str = "SELECT EXISTS (SELECT 1 FROM files WHERE space_id = ?1 AND deleted = 0)";

#[async_trait]
impl Deks for SqliteStorage {
    async fn begin_deks(
        &self,
        grant: &ReadGrant,
        kind: DekKind,
        since: Cursor,
    ) -> Result<DekListing, StorageError> {
        let access = grant.access().clone();
        let space = self.readers.snapshot(move |db| for_reading(db, &access)).await?;
        Ok(DekListing { kind, since, cursor: space.cursor, key_generation: space.key_generation })
    }

    async fn deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage, StorageError> {
        let (space, kind, bound) = (grant.space(), listing.kind, listing.cursor);
        let limit = i64::try_from(DekPage::READ_ROWS).map_err(database)?;
        self.readers
            .read(move |db| {
                let from = params![
                    space.as_bytes(),
                    position.cursor.as_i64(),
                    position.id.as_bytes(),
                    bound.as_i64(),
                    limit
                ];
                select(db, statements::of(kind).page, from).map(DekPage::from_rows)
            })
            .await
    }

    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        kind: DekKind,
        entries: Vec<Rewrap>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError> {
        let access = grant.access().clone();
        let load = Load::of(&access, entries.len().saturating_mul(KEY_BYTES));
        self.writer.write(load, move |db| rewrap::apply(db, &access, kind, &entries, guard)).await
    }

    async fn has_files(&self, grant: &ReadGrant) -> Result<bool, StorageError> {
        let access = grant.access().clone();
        self.readers
            .snapshot(move |db| {
                let space = for_reading(db, &access)?;
                let mut select = db.prepare_cached(HAS_FILES).map_err(storage_error)?;
                select.query_row([space.id.as_bytes()], |row| row.get(0)).map_err(storage_error)
            })
            .await
    }
}

fn select(db: &Connection, sql: &str, from: &[&dyn rusqlite::ToSql]) -> Result<Vec<StoredDek>, StorageError> {
    let mut select = db.prepare_cached(sql).map_err(storage_error)?;
    let mut rows = select.query(from).map_err(storage_error)?;
    let mut deks = Vec::new();
    while let Some(row) = rows.next().map_err(storage_error)? {
        deks.push(stored(row)?);
    }
    Ok(deks)
}

fn stored(row: &Row<'_>) -> Result<StoredDek, StorageError> {
    let dek = row.get_ref(2).and_then(|dek| Ok(dek.as_blob()?)).map_err(database)?;
    Ok(StoredDek {
        id: DekId::from_bytes(row.get(0).map_err(database)?),
        cursor: cursor(row.get(1).map_err(database)?)?,
        dek: stored_dek(dek)?,
    })
}
