//! Uses of an object: content of a live file, entry of the queue, or none.

use less_sync_storage::stored::size;
use less_sync_storage::{ObjectKey, ObjectUse, StorageError, UploadId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::now_micros;
use crate::error::storage_error;

const SELECT_CONTENT: &str =
    "SELECT size, object_key FROM files WHERE space_id = ?1 AND id = ?2 AND deleted = 0";

/// Deletion state of a queued object; no row if it is not queued.
const SELECT_QUEUED: &str = "\
    SELECT pending_delete = 1 OR not_before <= ?4 FROM blob_uploads
    WHERE space_id = ?1 AND file_id = ?2 AND object_key = ?3";

const ENQUEUE: &str = "\
    INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, not_before) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO NOTHING";

/// Uses of these objects at one moment, in their order.
pub(crate) fn snapshot(db: &Connection, keys: &[ObjectKey]) -> Result<Vec<ObjectUse>, StorageError> {
    let snapshot = db.unchecked_transaction().map_err(storage_error)?;
    keys.iter().map(|key| object_use(&snapshot, key)).collect()
}

fn object_use(db: &Connection, key: &ObjectKey) -> Result<ObjectUse, StorageError> {
    if let Some(size) = content(db, key)? {
        return Ok(ObjectUse::Live { size });
    }
    Ok(if is_pending_delete(db, key)?.is_some() { ObjectUse::Queued } else { ObjectUse::Orphan })
}

/// True if the object is the content of a live file.
pub(crate) fn is_live(db: &Connection, key: &ObjectKey) -> Result<bool, StorageError> {
    Ok(content(db, key)?.is_some())
}

/// Expected size of the object in bytes, if it is the content of a live file.
fn content(db: &Connection, key: &ObjectKey) -> Result<Option<u64>, StorageError> {
    let (space, file) = (key.space(), key.file());
    let mut select = db.prepare_cached(SELECT_CONTENT).map_err(storage_error)?;
    let found: Option<(i64, Option<String>)> = select
        .query_row(params![space.as_bytes(), file.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(storage_error)?;
    let Some((bytes, stored)) = found else { return Ok(None) };
    let is_this = stored.unwrap_or_else(|| ObjectKey::legacy(space, file).to_string()) == key.to_string();
    Ok(is_this.then(|| size(bytes)).transpose()?)
}

/// True if the queued object is to be removed, false if it is being uploaded; `None` if it is not queued.
pub(super) fn is_pending_delete(db: &Connection, key: &ObjectKey) -> Result<Option<bool>, StorageError> {
    let (space, file) = (key.space(), key.file());
    let mut select = db.prepare_cached(SELECT_QUEUED).map_err(storage_error)?;
    let named = params![space.as_bytes(), file.as_bytes(), key.to_string(), now_micros()];
    select.query_row(named, |row| row.get(0)).optional().map_err(storage_error)
}

/// An entry that is due from `not_before` on, unless there is one with this id.
pub(crate) fn enqueue(
    db: &Connection,
    object: &ObjectKey,
    id: UploadId,
    not_before: i64,
) -> rusqlite::Result<usize> {
    let (space, file) = (object.space(), object.file());
    let mut insert = db.prepare_cached(ENQUEUE)?;
    insert.execute(params![space.as_bytes(), id.as_bytes(), file.as_bytes(), object.to_string(), not_before])
}
