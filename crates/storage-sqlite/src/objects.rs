//! Queue of the objects of files, and uses of objects.

pub(crate) mod due;
pub(crate) mod uses;
mod walk;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{
    ClaimDue, DueObject, Flow, LiveObject, ObjectKey, ObjectQueueState, ObjectUse, Objects, StorageError,
    UploadId,
};
use rusqlite::{Connection, params};

use self::uses::is_pending_delete;
use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::error::storage_error;
use crate::random;

pub(crate) use self::uses::{enqueue, is_live};
pub(crate) use self::walk::Walk;

/// Estimate of the log bytes per change of an entry.
const ENTRY_BYTES: usize = 512;

/// Removes an entry that is marked for deletion: objects of deleted files, and claimed attempts.
const FORGET: &str = "DELETE FROM blob_uploads WHERE space_id = ?1 AND upload_id = ?2 AND pending_delete = 1";

const POSTPONE: &str = "\
    UPDATE blob_uploads SET not_before = ?3, attempts = max(attempts, 1)
    WHERE space_id = ?1 AND upload_id = ?2 AND pending_delete = 1";

#[async_trait]
impl Objects for SqliteStorage {
    async fn claim_due_objects(&self, claim: ClaimDue) -> Result<Vec<DueObject>, StorageError> {
        let bytes = ENTRY_BYTES.saturating_mul(claim.limit);
        self.writer.write(bytes, move |db| due::claim(db, claim)).await
    }

    async fn forget_object(&self, space: SpaceId, entry: UploadId) -> Result<(), StorageError> {
        self.writer
            .write(ENTRY_BYTES, move |db| {
                let mut delete = db.prepare_cached(FORGET).map_err(storage_error)?;
                delete.execute(params![space.as_bytes(), entry.as_bytes()]).map(drop).map_err(storage_error)
            })
            .await
    }

    async fn postpone_object(
        &self,
        space: SpaceId,
        entry: UploadId,
        delay: Duration,
    ) -> Result<(), StorageError> {
        self.writer
            .write(ENTRY_BYTES, move |db| {
                let then = now_micros().saturating_add(micros(delay));
                let mut update = db.prepare_cached(POSTPONE).map_err(storage_error)?;
                let ids = params![space.as_bytes(), entry.as_bytes(), then];
                update.execute(ids).map(drop).map_err(storage_error)
            })
            .await
    }

    async fn object_uses(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectUse>, StorageError> {
        let keys = keys.to_vec();
        self.readers.read(Flow::SERVER, move |db| uses::snapshot(db, &keys)).await
    }

    async fn live_objects(
        &self,
        only: Option<SpaceId>,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, StorageError> {
        let (mut walk, mut live) = (Walk::new(only, after), Vec::new());
        // Tombstones are read as well, so each read is bounded by the rows that it visits.
        while live.len() < limit && !walk.is_over() {
            let needed = limit - live.len();
            let (next, found) = self.readers.read(Flow::SERVER, move |db| walk.step(db, needed)).await?;
            live.extend(found);
            walk = next;
        }
        live.truncate(limit);
        Ok(live)
    }

    async fn mark_orphan_for_deletion(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        let key = key.clone();
        self.writer.write(ENTRY_BYTES, move |db| mark_orphan_for_deletion(db, &key)).await
    }

    async fn object_queue(&self, grace: Duration) -> Result<ObjectQueueState, StorageError> {
        self.readers.snapshot(Flow::SERVER, move |db| due::state(db, grace)).await
    }
}

/// Queues an orphan like an expired upload, without a grace: there is no download that could be reading it.
fn mark_orphan_for_deletion(db: &Connection, key: &ObjectKey) -> Result<bool, StorageError> {
    if is_live(db, key)? {
        return Ok(false);
    }
    if let Some(pending_delete) = is_pending_delete(db, key)? {
        return Ok(pending_delete);
    }
    let id = match key.upload() {
        Some(id) => id,
        None => UploadId::from_bytes(random::uuid(db)?),
    };
    enqueue(db, key, id, now_micros()).map_err(storage_error)?;
    Ok(true)
}
