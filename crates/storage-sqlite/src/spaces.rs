//! Spaces: creation, look-up and cursor.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{ClientId, SpaceId};
use less_sync_storage::stored::{CorruptRow, cursor, epoch};
use less_sync_storage::{
    Flow, OwnerHash, Space, SpaceKind, SpaceRejection, Spaces, SpacesError, StorageError,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::SqliteStorage;
use crate::clock::now_micros;
use crate::error::{Closed, database, storage_error, unavailable};
use crate::usage;

/// Estimate of the log bytes per space.
const SPACE_BYTES: usize = 256;

const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Cheap query that still has to read the file.
const PING: &str = "SELECT EXISTS (SELECT 1 FROM spaces)";

const SELECT: &str = "\
    SELECT client_id, root_public_key, cursor, key_generation, min_key_generation, rewrap_epoch, home_server
    FROM spaces WHERE id = ?1";

const INSERT: &str = "\
    INSERT INTO spaces (id, client_id, root_public_key, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING";

#[async_trait]
impl Spaces for SqliteStorage {
    async fn ping(&self) -> Result<(), StorageError> {
        if self.writer.is_closed() {
            return Err(Closed.into());
        }
        let reserve = Arc::clone(&self.reserve);
        let read = self.readers.read(Flow::SERVER, move |db| {
            reserve.require_writable().map_err(unavailable)?;
            let mut select = db.prepare_cached(PING).map_err(storage_error)?;
            select.query_row([], |_| Ok(())).map_err(storage_error)
        });
        let ping = async {
            read.await?;
            // While writes work there is none for a check, which comes every second. After a failure nothing else may write: a
            // server that is not ready gets no requests.
            if self.writer.is_failing() { self.writer.probe().await } else { Ok(()) }
        };
        tokio::time::timeout(PING_TIMEOUT, ping).await.map_err(unavailable)?
    }

    async fn spaces(&self, ids: &[SpaceId]) -> Result<Vec<Space>, StorageError> {
        // Spaces are looked up before their callers are known, so the turn is that of a space.
        let Some(flow) = ids.first().copied().map(Flow::of_space) else { return Ok(Vec::new()) };
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let found = move |db: &Connection| ids.iter().filter_map(|id| find(db, *id).transpose()).collect();
        self.readers.snapshot(flow, found).await
    }

    async fn create_space(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        kind: SpaceKind,
        owner: Option<OwnerHash>,
    ) -> Result<Space, SpacesError> {
        let client_id = client_id.clone();
        self.writer
            .write(SPACE_BYTES, move |db| {
                if !insert(db, id, &client_id, &kind)? {
                    return Err(SpaceRejection::Exists.into());
                }
                if let Some(owner) = owner {
                    usage::set_owner(db, id, owner)?;
                }
                stored(db, id)
            })
            .await
    }

    async fn personal_space(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        owner: Option<OwnerHash>,
    ) -> Result<Space, StorageError> {
        let found = self.readers.snapshot(Flow::of_space(id), move |db| owned(db, id, owner)).await?;
        let space = match found {
            Some(space) => space,
            None => self.create_personal(id, client_id.clone(), owner).await?,
        };
        match space.kind {
            SpaceKind::Personal => Ok(space),
            SpaceKind::Shared { .. } => Err(StorageError::SpaceKindMismatch),
        }
    }
}

impl SqliteStorage {
    /// Inserts a personal space unless the id exists, records its owner, and returns the stored row.
    async fn create_personal(
        &self,
        id: SpaceId,
        client_id: ClientId,
        owner: Option<OwnerHash>,
    ) -> Result<Space, StorageError> {
        self.writer
            .write(SPACE_BYTES, move |db| {
                insert(db, id, &client_id, &SpaceKind::Personal)?;
                let space = stored(db, id)?;
                if let (SpaceKind::Personal, Some(owner)) = (&space.kind, owner) {
                    usage::set_owner(db, id, owner)?;
                }
                Ok(space)
            })
            .await
    }
}

/// The space, unless its owner has to be recorded still. A shared space under this id is returned too.
fn owned(db: &Connection, id: SpaceId, owner: Option<OwnerHash>) -> Result<Option<Space>, StorageError> {
    let Some(space) = find(db, id)? else { return Ok(None) };
    let is_recorded = owner.is_none() || space.kind != SpaceKind::Personal || usage::owner(db, id)? == owner;
    Ok(is_recorded.then_some(space))
}

/// True if the row is new.
fn insert<R>(
    db: &Connection,
    id: SpaceId,
    client_id: &ClientId,
    kind: &SpaceKind,
) -> Result<bool, StorageError<R>> {
    let root = match kind {
        SpaceKind::Personal => None,
        SpaceKind::Shared { root_public_key } => Some(root_public_key),
    };
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    let inserted = insert
        .execute(params![id.as_bytes(), client_id.as_str(), root, now_micros()])
        .map_err(storage_error)?;
    Ok(inserted == 1)
}

fn stored<R>(db: &Connection, id: SpaceId) -> Result<Space, StorageError<R>> {
    find(db, id)?.ok_or_else(|| database(CorruptRow("space")))
}

/// The space with this id, if there is one.
pub(crate) fn find<R>(db: &Connection, id: SpaceId) -> Result<Option<Space>, StorageError<R>> {
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    select.query_row([id.as_bytes()], |row| Ok(read(id, row))).optional().map_err(storage_error)?.transpose()
}

fn read<R>(id: SpaceId, row: &Row<'_>) -> Result<Space, StorageError<R>> {
    let root: Option<[u8; 33]> = row.get(1).map_err(database)?;
    Ok(Space {
        id,
        client_id: row.get(0).map_err(database)?,
        kind: root.map_or(SpaceKind::Personal, |root_public_key| SpaceKind::Shared { root_public_key }),
        cursor: cursor(row.get(2).map_err(database)?)?,
        key_generation: epoch(row.get(3).map_err(database)?)?,
        min_key_generation: epoch(row.get(4).map_err(database)?)?,
        rewrap_epoch: row.get::<_, Option<i32>>(5).map_err(database)?.map(epoch).transpose()?,
        home_server: row.get(6).map_err(database)?,
    })
}
