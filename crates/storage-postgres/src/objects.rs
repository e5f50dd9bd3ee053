//! Queue of the objects of files, and uses of objects.

mod due;
mod uses;
mod walk;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{
    ClaimDue, DueObject, LiveObject, ObjectKey, ObjectQueueState, ObjectUse, Objects, StorageError, UploadId,
};
use uuid::Uuid;

use self::due::Claiming;
use self::uses::MarkOrphan;
use self::walk::Walk;
use crate::PostgresStorage;
use crate::clock::micros;
use crate::pool::Class;
use crate::read::{read, statement};

pub(crate) use self::uses::{enqueue, is_live};
use crate::session::Session;

#[async_trait]
impl Objects for PostgresStorage {
    async fn claim_due_objects(&self, claim: ClaimDue) -> Result<Vec<DueObject>, StorageError> {
        self.pool.transact(Class::Job, &Claiming { claim }).await
    }

    async fn forget_object(&self, space: SpaceId, entry: UploadId) -> Result<(), StorageError> {
        statement!(self.pool, Class::Job, |db| forget(db, space, entry))
    }

    async fn postpone_object(
        &self,
        space: SpaceId,
        entry: UploadId,
        delay: Duration,
    ) -> Result<(), StorageError> {
        statement!(self.pool, Class::Job, |db| postpone(db, space, entry, delay))
    }

    async fn object_uses(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectUse>, StorageError> {
        read!(self.pool, Class::Job, |db| uses::look_up(db, keys))
    }

    async fn live_objects(
        &self,
        only: Option<SpaceId>,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, StorageError> {
        let (mut position, mut live) = (Some(after), Vec::new());
        // Tombstones are read as well, so each statement is bounded by the rows that it visits.
        while let Some(after) = position.filter(|_| live.len() < limit) {
            let needed = limit - live.len();
            let step = self.pool.transact(Class::Job, &Walk { only, after, needed }).await?;
            live.extend(step.live);
            position = step.last.map(Some);
        }
        live.truncate(limit);
        Ok(live)
    }

    async fn mark_orphan_for_deletion(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        self.pool.transact(Class::Job, &MarkOrphan { key }).await
    }

    async fn object_queue(&self, grace: Duration) -> Result<ObjectQueueState, StorageError> {
        read!(self.pool, Class::Job, |db| due::state(db, grace))
    }
}

/// Removes an entry that is marked for deletion: objects of deleted files, and claimed attempts.
async fn forget(db: &mut Session, space: SpaceId, entry: UploadId) -> Result<(), sqlx::Error> {
    let forgotten = sqlx::query!(
        "DELETE FROM blob_uploads WHERE space_id = $1 AND upload_id = $2 AND pending_delete",
        space.as_uuid(),
        Uuid::from_bytes(*entry.as_bytes()),
    );
    forgotten.execute(db).await.map(drop)
}

async fn postpone(
    db: &mut Session,
    space: SpaceId,
    entry: UploadId,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    let postponed = sqlx::query!(
        "UPDATE blob_uploads
         SET not_before = now() + $3::bigint * interval '1 microsecond', attempts = greatest(attempts, 1)
         WHERE space_id = $1 AND upload_id = $2 AND pending_delete",
        space.as_uuid(),
        Uuid::from_bytes(*entry.as_bytes()),
        micros(delay),
    );
    postponed.execute(db).await.map(drop)
}
