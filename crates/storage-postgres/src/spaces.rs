//! Spaces.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{Cursor, Epoch, SpaceId};
use less_sync_storage::{Access, Space, SpaceKind, Spaces, StorageError};
use sqlx::PgConnection;
use tokio::time::timeout;
use uuid::Uuid;

use crate::PostgresStorage;
use crate::access::cids;
use crate::error::{CorruptRow, unavailable};
use crate::pool::Class;

const PING_TIMEOUT: Duration = Duration::from_secs(2);

#[async_trait]
impl Spaces for PostgresStorage {
    async fn ping(&self) -> Result<(), StorageError> {
        let pinging = async {
            let mut lease = self.pool.lease(Class::Job).await?;
            let pong = sqlx::query!(r#"SELECT 1 AS "one!""#).fetch_one(lease.connection()).await;
            lease.settle(pong).map(drop)
        };
        timeout(PING_TIMEOUT, pinging).await.map_err(unavailable)?
    }

    async fn spaces(&self, ids: &[SpaceId]) -> Result<Vec<Space>, StorageError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(SpaceId::as_uuid).collect();
        let mut lease = self.pool.lease(Class::Request).await?;
        let rows = select(lease.connection(), &ids).await;
        lease.settle(rows)?.into_iter().map(|row| row.read().map_err(StorageError::from)).collect()
    }

    async fn create_space(
        &self,
        id: SpaceId,
        client_id: &str,
        kind: SpaceKind,
    ) -> Result<Space, StorageError> {
        if self.insert(id, client_id, &kind).await? {
            Ok(fresh(id, client_id, kind))
        } else {
            Err(StorageError::SpaceExists)
        }
    }

    async fn personal_space(&self, id: SpaceId, client_id: &str) -> Result<Space, StorageError> {
        let space = match self.find(id).await? {
            Some(space) => space,
            None if self.insert(id, client_id, &SpaceKind::Personal).await? => {
                fresh(id, client_id, SpaceKind::Personal)
            }
            // Somebody else was faster. Spaces are never removed, so now there is a row.
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
    async fn find(&self, id: SpaceId) -> Result<Option<Space>, StorageError> {
        Ok(self.spaces(&[id]).await?.pop())
    }

    /// Whether the row is new.
    async fn insert(&self, id: SpaceId, client_id: &str, kind: &SpaceKind) -> Result<bool, StorageError> {
        let root = match kind {
            SpaceKind::Personal => None,
            SpaceKind::Shared { root_public_key } => Some(&root_public_key[..]),
        };
        let mut lease = self.pool.lease(Class::Request).await?;
        let inserted = insert(lease.connection(), id, client_id, root).await;
        lease.settle(inserted)
    }
}

/// What the defaults of the table make of a new space.
fn fresh(id: SpaceId, client_id: &str, kind: SpaceKind) -> Space {
    Space {
        id,
        client_id: client_id.to_owned(),
        kind,
        cursor: Cursor::ZERO,
        key_generation: Epoch::FIRST,
        min_key_generation: Epoch::FIRST,
        rewrap_epoch: None,
        home_server: None,
    }
}

async fn insert(
    connection: &mut PgConnection,
    id: SpaceId,
    client_id: &str,
    root: Option<&[u8]>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO spaces (id, client_id, root_public_key) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
        id.as_uuid(),
        client_id,
        root,
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

/// A row of `spaces`.
struct Row {
    id: Uuid,
    client_id: String,
    root_public_key: Option<Vec<u8>>,
    cursor: i64,
    key_generation: i32,
    min_key_generation: i32,
    rewrap_epoch: Option<i32>,
    home_server: Option<String>,
}

async fn select(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, client_id, root_public_key, cursor, key_generation, min_key_generation, rewrap_epoch, home_server
         FROM spaces WHERE id = ANY ($1)",
        ids,
    );
    rows.fetch_all(connection).await
}

/// The space, for somebody who may look at it: its row, and whether the caller's chain is still good, in one snapshot
/// (storage T12).
pub(crate) async fn for_reading(
    connection: &mut PgConnection,
    access: &Access,
) -> Result<Result<Space, StorageError>, sqlx::Error> {
    let found = sqlx::query!(
        r#"SELECT id, client_id, root_public_key, cursor, key_generation, min_key_generation, rewrap_epoch, home_server,
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!"
           FROM spaces WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
    );
    let Some(row) = found.fetch_optional(connection).await? else {
        return Ok(Err(StorageError::SpaceNotFound));
    };
    let space = Row {
        id: row.id,
        client_id: row.client_id,
        root_public_key: row.root_public_key,
        cursor: row.cursor,
        key_generation: row.key_generation,
        min_key_generation: row.min_key_generation,
        rewrap_epoch: row.rewrap_epoch,
        home_server: row.home_server,
    };
    Ok(space.read().map_err(StorageError::from).and_then(|space| {
        access.check_kind(&space)?;
        if row.revoked { Err(StorageError::Revoked) } else { Ok(space) }
    }))
}

impl Row {
    fn read(self) -> Result<Space, CorruptRow> {
        Ok(Space {
            id: self.id.into(),
            client_id: self.client_id,
            kind: self.root_public_key.map_or(Ok(SpaceKind::Personal), shared)?,
            cursor: cursor(self.cursor)?,
            key_generation: epoch(self.key_generation)?,
            min_key_generation: epoch(self.min_key_generation)?,
            rewrap_epoch: self.rewrap_epoch.map(epoch).transpose()?,
            home_server: self.home_server,
        })
    }
}

fn shared(root: Vec<u8>) -> Result<SpaceKind, CorruptRow> {
    let root_public_key = root.try_into().map_err(|_| CorruptRow("root public key"))?;
    Ok(SpaceKind::Shared { root_public_key })
}

/// A stored cursor.
pub(crate) fn cursor(number: i64) -> Result<Cursor, CorruptRow> {
    Cursor::try_from(number).map_err(|_| CorruptRow("cursor"))
}

/// A stored epoch.
pub(crate) fn epoch(number: i32) -> Result<Epoch, CorruptRow> {
    Epoch::new(number).map_err(|_| CorruptRow("epoch"))
}
