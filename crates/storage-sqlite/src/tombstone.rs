//! Deletion of files: a tombstone row, and an object that is marked for deletion (storage §3.6, step 12;
//! newer-clients §7).

use less_sync_core::{Cursor, FileId, RecordId, SpaceId};
use less_sync_storage::{DeletedFile, OBJECT_GRACE, ObjectKey, StorageError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::clock::{micros, now_micros};
use crate::error::{one_row, storage_error};
use crate::random;

const SELECT_OF_RECORD: &str = "\
    SELECT id, record_id, object_key, size + length(wrapped_dek) FROM files INDEXED BY idx_files_live_record
    WHERE space_id = ?1 AND record_id = ?2 AND deleted = 0";

const SELECT: &str = "\
    SELECT id, record_id, object_key, size + length(wrapped_dek) FROM files
    WHERE space_id = ?1 AND id = ?2 AND deleted = 0";

const SELECT_BYTES: &str = "\
    SELECT coalesce(sum(size + length(wrapped_dek)), 0) FROM files INDEXED BY idx_files_live_record
    WHERE space_id = ?1 AND record_id = ?2 AND deleted = 0";

const MARK_FOR_DELETION: &str = "\
    INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, pending_delete, not_before)
    VALUES (?1, ?2, ?3, ?4, 1, ?5)";

const TOMBSTONE: &str = "\
    UPDATE files SET cursor = ?3, deleted = 1, size = 0, wrapped_dek = x'', object_key = NULL, sha256 = NULL
    WHERE space_id = ?1 AND id = ?2 AND deleted = 0";

/// Live file.
pub(crate) struct LiveFile {
    id: FileId,
    pub(crate) record: RecordId,
    /// Name of the object. `None`: the one that the ids give.
    object_key: Option<String>,
    /// Stored bytes that its deletion frees: its object and its wrapped key.
    pub(crate) bytes: i64,
}

impl LiveFile {
    /// Finds the file if it is live.
    pub(crate) fn find<R>(
        db: &Connection,
        space: SpaceId,
        file: FileId,
    ) -> Result<Option<Self>, StorageError<R>> {
        let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
        let found = select.query_row(params![space.as_bytes(), file.as_bytes()], Self::read).optional();
        found.map_err(storage_error)
    }

    fn of_record<R>(db: &Connection, space: SpaceId, record: RecordId) -> Result<Vec<Self>, StorageError<R>> {
        let mut select = db.prepare_cached(SELECT_OF_RECORD).map_err(storage_error)?;
        let rows = select.query_map(params![space.as_bytes(), record.as_bytes()], Self::read);
        rows.and_then(Iterator::collect).map_err(storage_error)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: FileId::from_bytes(row.get(0)?),
            record: RecordId::from_bytes(row.get(1)?),
            object_key: row.get(2)?,
            bytes: row.get(3)?,
        })
    }

    /// Replaces the file by a tombstone under `cursor` and marks its object for deletion after [`OBJECT_GRACE`], so that
    /// running downloads can finish.
    pub(crate) fn tombstone<R>(
        &self,
        db: &Connection,
        space: SpaceId,
        cursor: Cursor,
    ) -> Result<(), StorageError<R>> {
        let legacy = || ObjectKey::legacy(space, self.id).to_string();
        let key = self.object_key.clone().unwrap_or_else(legacy);
        let not_before = now_micros().saturating_add(micros(OBJECT_GRACE));
        mark_for_deletion(db, space, self.id, random::uuid(db)?, &key, not_before)?;
        let (space, file) = (space.as_bytes(), self.id.as_bytes());
        let mut tombstone = db.prepare_cached(TOMBSTONE).map_err(storage_error)?;
        one_row(tombstone.execute(params![space, file, cursor.as_i64()]))
    }
}

/// Marks the object of a file for deletion from `not_before` on.
pub(crate) fn mark_for_deletion<R>(
    db: &Connection,
    space: SpaceId,
    file: FileId,
    entry: [u8; 16],
    key: &str,
    not_before: i64,
) -> Result<(), StorageError<R>> {
    let mut mark = db.prepare_cached(MARK_FOR_DELETION).map_err(storage_error)?;
    one_row(mark.execute(params![space.as_bytes(), entry, file.as_bytes(), key, not_before]))
}

/// Stored bytes that the deletion of the files of a record frees.
pub(crate) fn bytes_of_files<R>(
    db: &Connection,
    space: SpaceId,
    record: RecordId,
) -> Result<i64, StorageError<R>> {
    let mut select = db.prepare_cached(SELECT_BYTES).map_err(storage_error)?;
    select.query_row(params![space.as_bytes(), record.as_bytes()], |row| row.get(0)).map_err(storage_error)
}

/// Replaces the live files of a deleted record by tombstones, and adds them to `tombstoned`. Returns the stored bytes that
/// this frees.
pub(crate) fn tombstone_files<R>(
    db: &Connection,
    space: SpaceId,
    record: RecordId,
    cursor: Cursor,
    tombstoned: &mut Vec<DeletedFile>,
) -> Result<i64, StorageError<R>> {
    let mut freed = 0;
    for file in LiveFile::of_record(db, space, record)? {
        file.tombstone(db, space, cursor)?;
        tombstoned.push(DeletedFile { id: file.id, record });
        freed += file.bytes;
    }
    Ok(freed)
}
