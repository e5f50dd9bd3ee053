//! Checks of an upload against the space, its record and its file, and the change that an accepted one makes.

use less_sync_core::{Epoch, RecordId, SpaceId};
use less_sync_storage::{Claim, Claimed, FileChange, FileError, FileRejection, Space, SpaceKind};
use rusqlite::{Connection, params};

use crate::error::storage_error;
use crate::tombstone::LiveFile;

const RECORD_IS_LIVE: &str =
    "SELECT EXISTS (SELECT 1 FROM records WHERE space_id = ?1 AND id = ?2 AND deleted = 0)";

/// Verdict on a claim. Must run in the transaction that acts on it.
pub(super) fn verdict(db: &Connection, space: &Space, claim: &Claim) -> Result<Claimed, FileError> {
    let owned_by = LiveFile::find(db, space.id, claim.file)?.map(|file| file.record);
    Ok(claim.verdict(is_live(db, space.id, claim.record)?, owned_by, oldest_accepted(space))?)
}

/// Oldest accepted epoch of keys; `None` in personal spaces.
fn oldest_accepted(space: &Space) -> Option<Epoch> {
    (space.kind != SpaceKind::Personal).then_some(space.min_key_generation)
}

fn is_live(db: &Connection, space: SpaceId, record: RecordId) -> Result<bool, FileError> {
    let mut select = db.prepare_cached(RECORD_IS_LIVE).map_err(storage_error)?;
    select.query_row(params![space.as_bytes(), record.as_bytes()], |row| row.get(0)).map_err(storage_error)
}

/// The next mutation of the space, which is one of a file of `record`.
pub(super) fn change(space: &Space, record: RecordId) -> Result<FileChange, FileError> {
    Ok(FileChange {
        prev: space.cursor,
        cursor: space.cursor.next().ok_or(FileRejection::CursorExhausted)?,
        key_generation: space.key_generation,
        rewrap_epoch: space.rewrap_epoch,
        record,
    })
}
