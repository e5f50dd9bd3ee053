//! How files die: their rows become tombstones, and their objects are to be removed (storage §3.6, step 12; newer-clients
//! §7).

use less_sync_core::{Cursor, FileId, RecordId, SpaceId};
use less_sync_storage::{DeletedFile, OBJECT_GRACE, ObjectKey, StorageError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::clock::{micros, now_micros};
use crate::error::{one_row, storage_error};
use crate::random;

const SELECT_OF_RECORD: &str = "\
    SELECT id, record_id, object_key FROM files WHERE space_id = ?1 AND record_id = ?2 AND deleted = 0";

const SELECT: &str = "\
    SELECT id, record_id, object_key FROM files WHERE space_id = ?1 AND id = ?2 AND deleted = 0";

const DOOM: &str = "\
    INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, doomed, not_before)
    VALUES (?1, ?2, ?3, ?4, 1, ?5)";

const BURY: &str = "\
    UPDATE files SET cursor = ?3, deleted = 1, size = 0, wrapped_dek = x'', object_key = NULL, sha256 = NULL
    WHERE space_id = ?1 AND id = ?2 AND deleted = 0";

/// A file that is still alive.
pub(crate) struct LiveFile {
    id: FileId,
    pub(crate) record: RecordId,
    /// `None`: its object lies where its ids say.
    object_key: Option<String>,
}

impl LiveFile {
    /// The file, unless it is dead or never was.
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
        })
    }

    /// Makes a tombstone of it under `cursor`, and dooms its object. The sweeper leaves that alone for a while, in favour
    /// of downloads that have begun.
    pub(crate) fn bury<R>(
        &self,
        db: &Connection,
        space: SpaceId,
        cursor: Cursor,
    ) -> Result<(), StorageError<R>> {
        let legacy = || ObjectKey::legacy(space, self.id).to_string();
        let key = self.object_key.clone().unwrap_or_else(legacy);
        let not_before = now_micros().saturating_add(micros(OBJECT_GRACE));
        let mut doom = db.prepare_cached(DOOM).map_err(storage_error)?;
        let (space, file) = (space.as_bytes(), self.id.as_bytes());
        one_row(doom.execute(params![space, random::uuid(db)?, file, key, not_before]))?;
        let mut bury = db.prepare_cached(BURY).map_err(storage_error)?;
        one_row(bury.execute(params![space, file, cursor.as_i64()]))
    }
}

/// Buries the live files of a record that dies. Adds them to `buried`.
pub(crate) fn bury_files<R>(
    db: &Connection,
    space: SpaceId,
    record: RecordId,
    cursor: Cursor,
    buried: &mut Vec<DeletedFile>,
) -> Result<(), StorageError<R>> {
    for file in LiveFile::of_record(db, space, record)? {
        file.bury(db, space, cursor)?;
        buried.push(DeletedFile { id: file.id, record });
    }
    Ok(())
}
