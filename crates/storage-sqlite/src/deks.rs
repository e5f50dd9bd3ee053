//! Data keys of records and files: the same statements on two tables.

mod keyed;
mod rewrap;

use async_trait::async_trait;
use less_sync_core::{Cursor, FileId, RecordId};
use less_sync_storage::{
    Access, AdminGrant, DEK_PAGE_ROWS, DekListing, DekPage, DekPosition, Deks, ReadGrant, Rewrap,
    RewrapGuard, Rewrapped, StorageError, StoredDek,
};
use rusqlite::{Connection, Row, params};

use self::keyed::Keyed;
use crate::SqliteStorage;
use crate::access::for_reading;
use crate::columns::{cursor, dek as stored_dek};
use crate::error::{database, storage_error};

/// About what a replaced key costs in the log: pages hold several rows, so less than a page.
const KEY_BYTES: usize = 1024;

const HAS_FILES: &str = "SELECT EXISTS (SELECT 1 FROM files WHERE space_id = ?1 AND deleted = 0)";

#[async_trait]
impl Deks for SqliteStorage {
    async fn begin_deks(&self, grant: &ReadGrant, since: Cursor) -> Result<DekListing, StorageError> {
        let access = grant.access().clone();
        let space = self.readers.snapshot(move |db| for_reading(db, &access)).await?;
        Ok(DekListing { since, cursor: space.cursor, key_generation: space.key_generation })
    }

    async fn record_deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<RecordId>, StorageError> {
        self.dek_page(grant.access(), listing, position).await
    }

    async fn file_deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<FileId>, StorageError> {
        self.dek_page(grant.access(), listing, position).await
    }

    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        entries: Vec<Rewrap<RecordId>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        self.rewrap(grant.access(), entries, guard).await
    }

    async fn rewrap_file_deks(
        &self,
        grant: &AdminGrant,
        entries: Vec<Rewrap<FileId>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        self.rewrap(grant.access(), entries, guard).await
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

impl SqliteStorage {
    async fn dek_page<Id: Keyed>(
        &self,
        access: &Access,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<Id>, StorageError> {
        let (space, bound) = (access.space(), listing.cursor);
        let more_than_a_page = i64::try_from(DEK_PAGE_ROWS + 1).map_err(database)?;
        self.readers
            .read(move |db| {
                let from = params![
                    space.as_bytes(),
                    position.cursor.as_i64(),
                    position.id,
                    bound.as_i64(),
                    more_than_a_page
                ];
                page(db, from)
            })
            .await
    }

    async fn rewrap<Id: Keyed>(
        &self,
        access: &Access,
        entries: Vec<Rewrap<Id>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        if entries.is_empty() {
            return Ok(Rewrapped::default());
        }
        let (access, bytes) = (access.clone(), entries.len().saturating_mul(KEY_BYTES));
        self.writer.write(bytes, move |db| rewrap::apply(db, &access, &entries, guard)).await
    }
}

/// One row more than a page has is looked at, only to know that there is one.
fn page<Id: Keyed>(db: &Connection, from: &[&dyn rusqlite::ToSql]) -> Result<DekPage<Id>, StorageError> {
    let mut select = db.prepare_cached(Id::PAGE).map_err(storage_error)?;
    let mut rows = select.query(from).map_err(storage_error)?;
    let mut deks: Vec<StoredDek<Id>> = Vec::new();
    while let Some(row) = rows.next().map_err(storage_error)? {
        if deks.len() == DEK_PAGE_ROWS {
            let next = deks.last().map(|last| DekPosition { cursor: last.cursor, id: last.id.bytes() });
            return Ok(DekPage { deks, next });
        }
        deks.push(stored(row)?);
    }
    Ok(DekPage { deks, next: None })
}

fn stored<Id: Keyed>(row: &Row<'_>) -> Result<StoredDek<Id>, StorageError> {
    let dek = row.get_ref(2).and_then(|dek| Ok(dek.as_blob()?)).map_err(database)?;
    Ok(StoredDek {
        id: Id::from_bytes(row.get(0).map_err(database)?),
        cursor: cursor(row.get(1).map_err(database)?)?,
        dek: stored_dek(dek)?,
    })
}
