//! Queue of the objects of files, and uses of objects.

mod due;
mod uses;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::stored::size;
use less_sync_storage::{
    ClaimDue, DueObject, LiveObject, ObjectKey, ObjectName, ObjectQueueState, ObjectUse, Objects,
    StorageError, UploadId,
};
use rusqlite::{Connection, params};

use self::uses::{is_pending_delete, object_use};
use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::error::{database, storage_error};
use crate::random;

pub(crate) use self::uses::{enqueue, is_live};

/// Estimate of the log bytes per change of an entry.
const ENTRY_BYTES: usize = 512;

/// Removes an entry that is marked for deletion: objects of deleted files, and claimed attempts.
const FORGET: &str = "DELETE FROM blob_uploads WHERE space_id = ?1 AND upload_id = ?2 AND pending_delete = 1";

const POSTPONE: &str = "\
    UPDATE blob_uploads SET not_before = ?3, attempts = max(attempts, 1)
    WHERE space_id = ?1 AND upload_id = ?2 AND pending_delete = 1";

/// Live files after a position. The empty blob, which is less than any id, starts from the beginning.
const SELECT_LIVE: &str = "\
    SELECT space_id, id, size, object_key FROM files
    WHERE (space_id, id) > (?1, ?2) AND space_id <= ?3 AND deleted = 0
    ORDER BY space_id, id LIMIT ?4";

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
        self.readers.snapshot(move |db| keys.iter().map(|key| object_use(db, key)).collect()).await
    }

    async fn live_objects(
        &self,
        only: Option<SpaceId>,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, StorageError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.readers.read(move |db| live(db, only, after, limit)).await
    }

    async fn mark_orphan_for_deletion(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        let key = key.clone();
        self.writer.write(ENTRY_BYTES, move |db| mark_orphan_for_deletion(db, &key)).await
    }

    async fn object_queue(&self, grace: Duration) -> Result<ObjectQueueState, StorageError> {
        self.readers.snapshot(move |db| due::state(db, grace)).await
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

fn live(
    db: &Connection,
    only: Option<SpaceId>,
    after: Option<(SpaceId, FileId)>,
    limit: i64,
) -> Result<Vec<LiveObject>, StorageError> {
    let start = only.map_or((Vec::new(), Vec::new()), |space| (space.as_bytes().to_vec(), Vec::new()));
    let after = after.map(|(space, file)| (space.as_bytes().to_vec(), file.as_bytes().to_vec()));
    let (space, file) = after.map_or(start.clone(), |after| after.max(start));
    let last = only.map_or([0xff; 16], |space| *space.as_bytes());
    let mut select = db.prepare_cached(SELECT_LIVE).map_err(storage_error)?;
    let mut rows = select.query(params![space, file, last, limit]).map_err(storage_error)?;
    let mut live = Vec::new();
    while let Some(row) = rows.next().map_err(storage_error)? {
        let space = SpaceId::from_bytes(row.get(0).map_err(database)?);
        let file = FileId::from_bytes(row.get(1).map_err(database)?);
        let size = size(row.get(2).map_err(database)?)?;
        let name: Option<String> = row.get(3).map_err(database)?;
        let name = name.map_or_else(|| ObjectName::from(&ObjectKey::legacy(space, file)), ObjectName::from);
        live.push(LiveObject { name, space, file, size });
    }
    Ok(live)
}
