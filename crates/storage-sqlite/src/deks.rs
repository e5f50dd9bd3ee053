//! Data keys of records and files: the same operations on two tables.

mod rewrap;
mod statements;

use std::sync::Arc;

use async_trait::async_trait;
use less_sync_core::{Cursor, DekKind, SpaceId};
use less_sync_storage::stored::{cursor, dek as stored_dek};
use less_sync_storage::{
    Access, AdminGrant, DekError, DekId, DekListing, DekPage, DekPosition, Deks, ReadGrant, Rewrap,
    RewrapGuard, RewrapPieces, Rewrapped, StorageError, StoredDek,
};
use rusqlite::{Connection, Row, params};

use crate::SqliteStorage;
use crate::access::{for_reading, for_writing};
use crate::error::{database, storage_error};
use crate::writer::Load;

/// Estimate of the log bytes per replaced key. Pages hold several rows, so less than a page.
const KEY_BYTES: usize = 1024;

const HAS_FILES: &str = "\
    SELECT EXISTS (SELECT 1 FROM files INDEXED BY idx_files_live WHERE space_id = ?1 AND deleted = 0)";

#[async_trait]
impl Deks for SqliteStorage {
    async fn begin_deks(
        &self,
        grant: &ReadGrant,
        kind: DekKind,
        since: Cursor,
    ) -> Result<DekListing, StorageError> {
        let access = grant.access().clone();
        let space = self.readers.snapshot(access.flow(), move |db| for_reading(db, &access)).await?;
        Ok(DekListing { kind, since, cursor: space.cursor, key_generation: space.key_generation })
    }

    async fn deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage, StorageError> {
        let (space, kind, bound) = (grant.space(), listing.kind, listing.cursor);
        let flow = grant.access().flow();
        self.readers.read(flow, move |db| page(db, space, kind, position, bound)).await
    }

    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        kind: DekKind,
        entries: Vec<Rewrap>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError> {
        let pieces = RewrapPieces::new(entries);
        if pieces.iter().len() > 1 {
            self.check_rewrap(grant.access(), kind, &pieces, guard).await?;
        }
        let mut replaced = 0;
        for piece in pieces.iter() {
            let (access, piece, all) = (grant.access().clone(), Arc::clone(piece), pieces.clone());
            let load = Load::of(&access, piece.len().saturating_mul(KEY_BYTES));
            let apply = move |db: &Connection| {
                let space = for_writing(db, &access)?;
                all.check_epoch(space.key_generation)?;
                rewrap::apply(db, &space, kind, &piece, guard)
            };
            replaced += self.writer.write(load, apply).await?;
        }
        Ok(pieces.outcome(replaced))
    }

    async fn has_files(&self, grant: &ReadGrant) -> Result<bool, StorageError> {
        let access = grant.access().clone();
        self.readers
            .snapshot(access.flow(), move |db| {
                let space = for_reading(db, &access)?;
                let mut select = db.prepare_cached(HAS_FILES).map_err(storage_error)?;
                select.query_row([space.id.as_bytes()], |row| row.get(0)).map_err(storage_error)
            })
            .await
    }
}

impl SqliteStorage {
    /// Checks all pieces of a rewrap before the first one is written, so that what can be known beforehand rejects it as a
    /// whole. Only a race may still end it between two pieces.
    async fn check_rewrap(
        &self,
        access: &Access,
        kind: DekKind,
        pieces: &RewrapPieces,
        guard: RewrapGuard,
    ) -> Result<(), DekError> {
        let flow = access.flow();
        for piece in pieces.iter() {
            let (access, piece, all) = (access.clone(), Arc::clone(piece), pieces.clone());
            let check = move |db: &Connection| {
                let space = for_writing(db, &access)?;
                all.check_epoch(space.key_generation)?;
                rewrap::check(db, &space, kind, &piece, guard)
            };
            self.readers.snapshot(flow, check).await?;
        }
        Ok(())
    }
}

/// The page of keys of `kind` after `position`, up to the cursor `bound`.
pub(crate) fn page<R>(
    db: &Connection,
    space: SpaceId,
    kind: DekKind,
    position: DekPosition,
    bound: Cursor,
) -> Result<DekPage, StorageError<R>> {
    let limit = i64::try_from(DekPage::READ_ROWS).map_err(database)?;
    let mut select = db.prepare_cached(statements::of(kind).page).map_err(storage_error)?;
    let from =
        params![space.as_bytes(), position.cursor.as_i64(), position.id.as_bytes(), bound.as_i64(), limit];
    let mut rows = select.query(from).map_err(storage_error)?;
    let mut deks = Vec::new();
    while let Some(row) = rows.next().map_err(storage_error)? {
        deks.push(stored(row)?);
    }
    Ok(DekPage::from_rows(deks))
}

fn stored<R>(row: &Row<'_>) -> Result<StoredDek, StorageError<R>> {
    let dek = row.get_ref(2).and_then(|dek| Ok(dek.as_blob()?)).map_err(database)?;
    Ok(StoredDek {
        id: DekId::from_bytes(row.get(0).map_err(database)?),
        cursor: cursor(row.get(1).map_err(database)?)?,
        dek: stored_dek(dek)?,
    })
}
