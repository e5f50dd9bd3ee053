//! Spaces: creation and look-up.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{ClientId, Cursor, Epoch, SpaceId};
use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{Space, SpaceKind, SpaceRejection, Spaces, SpacesError, StorageError};
use tokio::time::timeout;
use uuid::Uuid;

use crate::PostgresStorage;
use crate::columns::SpaceRow;
use crate::error::unavailable;
use crate::pool::Class;
use crate::read::read;
use crate::session::Session;

const PING_TIMEOUT: Duration = Duration::from_secs(2);

#[async_trait]
impl Spaces for PostgresStorage {
    async fn ping(&self) -> Result<(), StorageError> {
        let pinging = async {
            read!(self.pool, Class::Job, |db| sqlx::query!(r#"SELECT 1 AS "one!""#).fetch_one(db)).map(drop)
        };
        timeout(PING_TIMEOUT, pinging).await.map_err(unavailable)?
    }

    async fn spaces(&self, ids: &[SpaceId]) -> Result<Vec<Space>, StorageError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(SpaceId::as_uuid).collect();
        let rows = read!(self.pool, Class::Request, |db| select(db, &ids))?;
        rows.into_iter().map(|row| row.read().map_err(StorageError::from)).collect()
    }

    async fn create_space(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        kind: SpaceKind,
    ) -> Result<Space, SpacesError> {
        if self.insert(id, client_id, &kind).await? {
            Ok(fresh(id, client_id, kind))
        } else {
            Err(SpaceRejection::Exists.into())
        }
    }

    async fn personal_space(&self, id: SpaceId, client_id: &ClientId) -> Result<Space, StorageError> {
        let space = match self.find(id).await? {
            Some(space) => space,
            None if self.insert(id, client_id, &SpaceKind::Personal).await? => {
                fresh(id, client_id, SpaceKind::Personal)
            }
            // A concurrent creation was faster. Spaces are never deleted, so the row exists now.
            None => self.find(id).await?.ok_or(CorruptRow("space"))?,
        };
        match space.kind {
            SpaceKind::Personal => Ok(space),
            SpaceKind::Shared { .. } => Err(StorageError::SpaceKindMismatch),
        }
    }
}

impl PostgresStorage {
    /// The space with this id, if there is one.
    async fn find<R>(&self, id: SpaceId) -> Result<Option<Space>, StorageError<R>> {
        Ok(self.spaces(&[id]).await.map_err(StorageError::widen)?.pop())
    }

    /// True if the row is new.
    async fn insert<R>(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        kind: &SpaceKind,
    ) -> Result<bool, StorageError<R>> {
        let root = match kind {
            SpaceKind::Personal => None,
            SpaceKind::Shared { root_public_key } => Some(&root_public_key[..]),
        };
        let mut lease = self.pool.lease(Class::Request).await?;
        let inserted = insert(lease.connection(), id, client_id, root).await;
        lease.settle(inserted)
    }
}

/// New space, with the defaults of the table.
fn fresh(id: SpaceId, client_id: &ClientId, kind: SpaceKind) -> Space {
    Space {
        id,
        client_id: client_id.as_str().to_owned(),
        kind,
        cursor: Cursor::ZERO,
        key_generation: Epoch::FIRST,
        min_key_generation: Epoch::FIRST,
        rewrap_epoch: None,
        home_server: None,
    }
}

async fn insert(
    connection: &mut Session,
    id: SpaceId,
    client_id: &ClientId,
    root: Option<&[u8]>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO spaces (id, client_id, root_public_key) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
        id.as_uuid(),
        client_id.as_str(),
        root,
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

async fn select(connection: &mut Session, ids: &[Uuid]) -> Result<Vec<SpaceRow>, sqlx::Error> {
    let rows = sqlx::query_as!(
        SpaceRow,
        "SELECT id, client_id, root_public_key, cursor, key_generation, min_key_generation, rewrap_epoch, home_server
         FROM spaces WHERE id = ANY ($1)",
        ids,
    );
    rows.fetch_all(connection).await
}
