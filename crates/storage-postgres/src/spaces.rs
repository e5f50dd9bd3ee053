//! Spaces: creation and look-up.

mod ping;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{ClientId, Cursor, Epoch, SpaceId};
use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{OwnerHash, Space, SpaceKind, SpaceRejection, Spaces, SpacesError, StorageError};
use tokio::time::timeout;
use uuid::Uuid;

use crate::PostgresStorage;
use crate::columns::{SpaceRow, hash};
use crate::error::unavailable;
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;
use crate::spaces::ping::ping;

const PING_TIMEOUT: Duration = Duration::from_secs(2);

#[async_trait]
impl Spaces for PostgresStorage {
    async fn ping(&self) -> Result<(), StorageError> {
        let pinging = async { read!(self.pool, Class::Job, |db| ping(db)) };
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
        owner: Option<OwnerHash>,
    ) -> Result<Space, SpacesError> {
        if self.insert(id, client_id, &kind, owner).await? {
            Ok(fresh(id, client_id, kind))
        } else {
            Err(SpaceRejection::Exists.into())
        }
    }

    async fn personal_space(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        owner: Option<OwnerHash>,
    ) -> Result<Space, StorageError> {
        let (space, recorded) = match self.find(id).await? {
            Some(found) => found,
            None if self.insert(id, client_id, &SpaceKind::Personal, owner).await? => {
                (fresh(id, client_id, SpaceKind::Personal), owner)
            }
            // A concurrent creation was faster. If the operator has removed the space since, the next access creates it.
            None => self.find(id).await?.ok_or_else(|| unavailable(CorruptRow("space")))?,
        };
        if let SpaceKind::Shared { .. } = space.kind {
            return Err(StorageError::SpaceKindMismatch);
        }
        if let Some(owner) = owner.filter(|owner| recorded != Some(*owner)) {
            self.set_owner(id, owner).await?;
        }
        Ok(space)
    }
}

impl PostgresStorage {
    /// The space with this id and its recorded owner, if there is one.
    async fn find(&self, id: SpaceId) -> Result<Option<(Space, Option<OwnerHash>)>, StorageError> {
        let found = read!(self.pool, Class::Request, |db| select_owned(db, id))?;
        let Some((row, owner)) = found else { return Ok(None) };
        let owner = owner.map(|bytes| hash(bytes).map(OwnerHash::from_bytes)).transpose()?;
        Ok(Some((row.read()?, owner)))
    }

    /// Records the owner of a space: from now on its bytes count for this one, and for no other.
    async fn set_owner(&self, id: SpaceId, owner: OwnerHash) -> Result<(), StorageError> {
        statement!(self.pool, Class::Request, |db| set_owner(db, id, owner))
    }

    /// True if the row is new.
    async fn insert<R>(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        kind: &SpaceKind,
        owner: Option<OwnerHash>,
    ) -> Result<bool, StorageError<R>> {
        let root = match kind {
            SpaceKind::Personal => None,
            SpaceKind::Shared { root_public_key } => Some(&root_public_key[..]),
        };
        statement!(self.pool, Class::Request, |db| insert(db, id, client_id, root, owner))
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
    owner: Option<OwnerHash>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "WITH usage AS (
             INSERT INTO owner_usage (owner_hash, stored_bytes) SELECT $4::bytea, 0 WHERE $4 IS NOT NULL
             ON CONFLICT (owner_hash) DO NOTHING
         )
         INSERT INTO spaces (id, client_id, root_public_key, owner_hash) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING",
        id.as_uuid(),
        client_id.as_str(),
        root,
        owner.as_ref().map(|owner| &owner.as_bytes()[..]),
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

async fn set_owner(connection: &mut Session, id: SpaceId, owner: OwnerHash) -> Result<(), sqlx::Error> {
    let set = sqlx::query!("SELECT less_sync_own_1($1, $2)", id.as_uuid(), &owner.as_bytes()[..]);
    set.execute(connection).await.map(drop)
}

async fn select_owned(
    connection: &mut Session,
    id: SpaceId,
) -> Result<Option<(SpaceRow, Option<Vec<u8>>)>, sqlx::Error> {
    let found = sqlx::query!(
        "SELECT id, client_id, root_public_key, cursor, key_generation, min_key_generation, rewrap_epoch, home_server,
                owner_hash
         FROM spaces WHERE id = $1",
        id.as_uuid(),
    );
    let Some(row) = found.fetch_optional(connection).await? else { return Ok(None) };
    let space = SpaceRow {
        id: row.id,
        client_id: row.client_id,
        root_public_key: row.root_public_key,
        cursor: row.cursor,
        key_generation: row.key_generation,
        min_key_generation: row.min_key_generation,
        rewrap_epoch: row.rewrap_epoch,
        home_server: row.home_server,
    };
    Ok(Some((space, row.owner_hash)))
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
