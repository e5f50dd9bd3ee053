//! Piece of a blob, for readers that are too slow to hold all of it in memory for them.

use bytes::Bytes;
use less_sync_core::SpaceId;
use less_sync_storage::{RecordVersion, StorageError};
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _, params};

use crate::error::storage_error;

const ROWID: &str = "\
    SELECT rowid FROM records WHERE space_id = ?1 AND id = ?2 AND cursor = ?3 AND NOT deleted";

/// Reads at most `length` bytes from the byte `from` on, without the rest of the blob. `db` is one snapshot.
pub(crate) fn blob_piece<R>(
    db: &Connection,
    space: SpaceId,
    version: RecordVersion,
    from: usize,
    length: usize,
) -> Result<Option<Bytes>, StorageError<R>> {
    let mut select = db.prepare_cached(ROWID).map_err(storage_error)?;
    let row = params![space.as_bytes(), version.id.as_bytes(), version.cursor.as_i64()];
    let rowid: Option<i64> = select.query_row(row, |row| row.get(0)).optional().map_err(storage_error)?;
    let Some(rowid) = rowid else { return Ok(None) };
    let blob = db.blob_open(MAIN_DB, c"records", c"blob", rowid, true).map_err(storage_error)?;
    let mut piece = vec![0; length.min(blob.len().saturating_sub(from))];
    blob.read_at_exact(&mut piece, from).map_err(storage_error)?;
    blob.close().map_err(storage_error)?;
    Ok(Some(piece.into()))
}
