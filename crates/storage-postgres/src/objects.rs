//! The queue of objects, and whose objects are.

mod due;
mod uses;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{
    ClaimDue, DueObject, LiveObject, ObjectKey, ObjectQueueState, ObjectUse, Objects, StorageError, UploadId,
};
use sqlx::PgConnection;
use uuid::Uuid;

use self::due::Claiming;
use self::uses::Dooming;
use crate::PostgresStorage;
use crate::clock::micros;
use crate::files::size;
use crate::pool::Class;
use crate::transaction::Aborted;

pub(crate) use self::uses::{is_live, write_down};

#[async_trait]
impl Objects for PostgresStorage {
    async fn claim_due_objects(&self, claim: ClaimDue) -> Result<Vec<DueObject>, StorageError> {
        self.transact(Class::Job, &Claiming { claim }).await
    }

    async fn forget_object(&self, space: SpaceId, entry: UploadId) -> Result<(), StorageError> {
        let mut lease = self.pool.lease(Class::Job).await?;
        let forgotten = forget(lease.connection(), space, entry).await;
        lease.settle(forgotten)
    }

    async fn postpone_object(
        &self,
        space: SpaceId,
        entry: UploadId,
        delay: Duration,
    ) -> Result<(), StorageError> {
        let mut lease = self.pool.lease(Class::Job).await?;
        let postponed = postpone(lease.connection(), space, entry, delay).await;
        lease.settle(postponed)
    }

    async fn object_uses(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectUse>, StorageError> {
        let mut lease = self.pool.lease(Class::Job).await?;
        let uses = uses::look_up(lease.connection(), keys).await;
        lease.conclude(uses)
    }

    async fn live_objects(
        &self,
        only: Option<SpaceId>,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, StorageError> {
        let mut lease = self.pool.lease(Class::Job).await?;
        let live = live(lease.connection(), only, after, limit).await;
        lease.conclude(live)
    }

    async fn doom_orphan(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        self.transact(Class::Job, &Dooming { key }).await
    }

    async fn object_queue(&self, grace: Duration) -> Result<ObjectQueueState, StorageError> {
        let mut lease = self.pool.lease(Class::Job).await?;
        let state = due::state(lease.connection(), grace).await;
        lease.settle(state)
    }
}

/// Whoever deletes a file dooms its object, and so does whoever claims an attempt.
async fn forget(db: &mut PgConnection, space: SpaceId, entry: UploadId) -> Result<(), sqlx::Error> {
    let forgotten = sqlx::query!(
        "DELETE FROM blob_uploads WHERE space_id = $1 AND upload_id = $2 AND doomed",
        space.as_uuid(),
        Uuid::from_bytes(*entry.as_bytes()),
    );
    forgotten.execute(db).await.map(drop)
}

async fn postpone(
    db: &mut PgConnection,
    space: SpaceId,
    entry: UploadId,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    let postponed = sqlx::query!(
        "UPDATE blob_uploads
         SET not_before = now() + $3::bigint * interval '1 microsecond', attempts = greatest(attempts, 1)
         WHERE space_id = $1 AND upload_id = $2 AND doomed",
        space.as_uuid(),
        Uuid::from_bytes(*entry.as_bytes()),
        micros(delay),
    );
    postponed.execute(db).await.map(drop)
}

/// The row that the caller has seen comes first, if it is still there, and is left out: there is no id before the first one
/// from which a statement could begin.
async fn live(
    db: &mut PgConnection,
    only: Option<SpaceId>,
    after: Option<(SpaceId, FileId)>,
    limit: usize,
) -> Result<Vec<LiveObject>, Aborted> {
    let start = (only.unwrap_or(SpaceId::from_bytes([0; 16])), FileId::from_bytes([0; 16]));
    let from = after.map_or(start, |after| after.max(start));
    let rows = sqlx::query!(
        "SELECT space_id, id, size, object_key FROM files
         WHERE (space_id, id) >= ($1, $2) AND space_id <= $3 AND NOT deleted
         ORDER BY space_id, id LIMIT $4",
        from.0.as_uuid(),
        from.1.as_uuid(),
        only.map_or(Uuid::max(), |space| space.as_uuid()),
        i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX),
    );
    let mut live = Vec::new();
    for row in rows.fetch_all(db).await? {
        let (space, file) = (SpaceId::from(row.space_id), FileId::from(row.id));
        let key = row.object_key.unwrap_or_else(|| ObjectKey::legacy(space, file).to_string());
        live.push(LiveObject { key, space, file, size: size(row.size)? });
    }
    live.retain(|object| Some((object.space, object.file)) != after);
    live.truncate(limit);
    Ok(live)
}
