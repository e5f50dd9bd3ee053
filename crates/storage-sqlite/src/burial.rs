//! What happens to the files of records that die (storage §3.6, step 12).

use less_sync_core::{Cursor, FileId, RecordId, SpaceId};
use less_sync_storage::StorageError;
use rusqlite::{Connection, params};

use crate::clock::now_micros;
use crate::error::storage_error;
use crate::random;

/// How long the sweeper leaves a doomed object alone, in favour of downloads that have begun (storage §4.6).
const GRACE_MICROS: i64 = 60 * 1_000_000;

const SELECT_LIVE: &str = "\
    SELECT id, object_key FROM files WHERE space_id = ?1 AND record_id = ?2 AND deleted = 0";

const DOOM: &str = "\
    INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, doomed, not_before)
    VALUES (?1, ?2, ?3, ?4, 1, ?5)";

const BURY: &str = "\
    UPDATE files SET cursor = ?3, deleted = 1, size = 0, wrapped_dek = x'', object_key = NULL, sha256 = NULL
    WHERE space_id = ?1 AND record_id = ?2 AND deleted = 0";

/// Makes tombstones of the live files of a record and dooms their objects. Adds the files to `buried`.
pub(crate) fn bury_files(
    db: &Connection,
    space: SpaceId,
    record: RecordId,
    cursor: Cursor,
    buried: &mut Vec<FileId>,
) -> Result<(), StorageError> {
    let objects = live_objects(db, space, record)?;
    if objects.is_empty() {
        return Ok(());
    }
    let mut doom = db.prepare_cached(DOOM).map_err(storage_error)?;
    for (file, key) in objects {
        let key = key.unwrap_or_else(|| format!("spaces/{space}/files/{file}"));
        let not_before = now_micros().saturating_add(GRACE_MICROS);
        doom.execute(params![space.as_bytes(), random::uuid(db)?, file.as_bytes(), key, not_before])
            .map_err(storage_error)?;
        buried.push(file);
    }
    let mut bury = db.prepare_cached(BURY).map_err(storage_error)?;
    bury.execute(params![space.as_bytes(), record.as_bytes(), cursor.as_i64()]).map_err(storage_error)?;
    Ok(())
}

/// The live files of a record, each with the key of its object unless that follows from its ids.
fn live_objects(
    db: &Connection,
    space: SpaceId,
    record: RecordId,
) -> Result<Vec<(FileId, Option<String>)>, StorageError> {
    let mut select = db.prepare_cached(SELECT_LIVE).map_err(storage_error)?;
    let rows = select
        .query_map(params![space.as_bytes(), record.as_bytes()], |row| {
            Ok((FileId::from_bytes(row.get(0)?), row.get(1)?))
        })
        .map_err(storage_error)?;
    rows.collect::<Result<_, _>>().map_err(storage_error)
}
