//! Home servers of spaces, and stub rows.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::SpaceId;
use less_sync_storage::{
    Flow, HomeRouteError, HomeRouteRejection, HomeRoutes, HomeServer, NewStub, PURGED_HOME, Space,
    StorageError, StubOutcome,
};
use rusqlite::{Connection, params};

use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::error::storage_error;
use crate::spaces::find;

/// Estimate of the log bytes per row.
const ROW_BYTES: usize = 512;

const SET: &str = "UPDATE spaces SET home_server = ?2, updated_at = ?3 WHERE id = ?1";

const HAS_ROWS: &str = "\
    SELECT EXISTS (SELECT 1 FROM records WHERE space_id = ?1)
        OR EXISTS (SELECT 1 FROM members WHERE space_id = ?1)
        OR EXISTS (SELECT 1 FROM files WHERE space_id = ?1)";

const INSERT: &str = "\
    INSERT INTO spaces (id, client_id, root_public_key, home_server, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT DO NOTHING";

const DELETE: &str = "DELETE FROM spaces WHERE id = ?1";

const NOTE: &str = "UPDATE spaces SET updated_at = ?2 WHERE id = ?1 AND home_server IS NOT NULL";

const DELETE_IDLE: &str = "\
    DELETE FROM spaces WHERE id IN (
        SELECT id FROM spaces AS stub
        WHERE home_server IS NOT NULL AND home_server <> ?3 AND updated_at <= ?1
          AND NOT EXISTS (SELECT 1 FROM records WHERE space_id = stub.id)
          AND NOT EXISTS (SELECT 1 FROM members WHERE space_id = stub.id)
          AND NOT EXISTS (SELECT 1 FROM files WHERE space_id = stub.id)
        ORDER BY updated_at LIMIT ?2
    )";

#[async_trait]
impl HomeRoutes for SqliteStorage {
    async fn home_server(&self, space: SpaceId) -> Result<Option<String>, StorageError> {
        self.readers.read(Flow::of_space(space), move |db| Ok(routed(db, space)?.home_server)).await
    }

    async fn set_home_server(
        &self,
        space: SpaceId,
        home: Option<&HomeServer>,
        force: bool,
    ) -> Result<(), HomeRouteError> {
        let home = home.map(|home| home.as_str().to_owned());
        self.writer.write(ROW_BYTES, move |db| set(db, space, home.as_deref(), force)).await
    }

    async fn create_stub(&self, stub: &NewStub) -> Result<StubOutcome, StorageError> {
        let stub = stub.clone();
        self.writer.write(ROW_BYTES, move |db| create(db, &stub)).await
    }

    async fn delete_stub(&self, space: SpaceId) -> Result<(), HomeRouteError> {
        self.writer.write(ROW_BYTES, move |db| delete(db, space)).await
    }

    async fn note_interest(&self, spaces: &[SpaceId]) -> Result<(), StorageError> {
        let spaces = spaces.to_vec();
        let note = move |db: &Connection| {
            let mut note = db.prepare_cached(NOTE).map_err(storage_error)?;
            let now = now_micros();
            for space in &spaces {
                note.execute(params![space.as_bytes(), now]).map_err(storage_error)?;
            }
            Ok(())
        };
        self.writer.write(ROW_BYTES, note).await
    }

    async fn delete_idle_stubs(&self, idle: Duration, batch: usize) -> Result<usize, StorageError> {
        self.writer
            .write(ROW_BYTES.saturating_mul(batch), move |db| {
                let before = now_micros().saturating_sub(micros(idle));
                let batch = i64::try_from(batch).unwrap_or(i64::MAX);
                let mut delete = db.prepare_cached(DELETE_IDLE).map_err(storage_error)?;
                delete.execute(params![before, batch, PURGED_HOME]).map_err(storage_error)
            })
            .await
    }
}

/// Row of a space that is not being removed.
fn routed<R>(db: &Connection, space: SpaceId) -> Result<Space, StorageError<R>> {
    let found = find(db, space)?.filter(|space| space.home_server.as_deref() != Some(PURGED_HOME));
    found.ok_or(StorageError::SpaceNotFound)
}

fn set(db: &Connection, space: SpaceId, home: Option<&str>, force: bool) -> Result<(), HomeRouteError> {
    let stored = routed(db, space)?;
    if stored.home_server.as_deref() == home {
        return Ok(());
    }
    if !force && has_rows(db, space)? {
        return Err(HomeRouteRejection::NotEmpty.into());
    }
    let mut set = db.prepare_cached(SET).map_err(storage_error)?;
    set.execute(params![space.as_bytes(), home, now_micros()]).map_err(storage_error)?;
    Ok(())
}

fn create(db: &Connection, stub: &NewStub) -> Result<StubOutcome, StorageError> {
    if let Some(existing) = find(db, stub.id)? {
        return Ok(StubOutcome::Exists(existing));
    }
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    let (id, client) = (stub.id.as_bytes(), stub.client_id.as_str());
    insert
        .execute(params![id, client, stub.root_public_key, stub.home.as_str(), now_micros()])
        .map_err(storage_error)?;
    Ok(StubOutcome::Created)
}

fn delete(db: &Connection, space: SpaceId) -> Result<(), HomeRouteError> {
    if routed(db, space)?.home_server.is_none() {
        return Err(HomeRouteRejection::NotRemote.into());
    }
    if has_rows(db, space)? {
        return Err(HomeRouteRejection::NotEmpty.into());
    }
    let mut delete = db.prepare_cached(DELETE).map_err(storage_error)?;
    delete.execute([space.as_bytes()]).map_err(storage_error)?;
    Ok(())
}

fn has_rows(db: &Connection, space: SpaceId) -> Result<bool, HomeRouteError> {
    let mut select = db.prepare_cached(HAS_ROWS).map_err(storage_error)?;
    select.query_row([space.as_bytes()], |row| row.get(0)).map_err(storage_error)
}
