//! An upload from its intent to its end, inside write transactions (storage §3.13, §4.3).
//!
//! The entry in `blob_uploads` decides: a commit deletes it, and a claim for removal marks it first, so that only one of
//! the two succeeds. An object is either the content of a file or pending deletion, never both.

use std::time::Duration;

use less_sync_core::FileId;
use less_sync_storage::{
    Access, Claim, Claimed, Content, FileCommit, FileError, FileRejection, ObjectKey, Quotas, ROW_BYTES,
    Space, StorageError, Upload, UploadId,
};
use rusqlite::{Connection, params};

use super::claim::{change, verdict};
use crate::access::for_writing;
use crate::clock::{micros, now_micros};
use crate::error::{database, one_row, storage_error};
use crate::objects::{enqueue, is_live};
use crate::random;
use crate::usage::{self, move_cursor};

const TAKE: &str = "\
    DELETE FROM blob_uploads
    WHERE space_id = ?1 AND upload_id = ?2 AND object_key = ?3 AND pending_delete = 0 AND not_before > ?4";

const PUT: &str = "\
    INSERT INTO files (space_id, id, record_id, cursor, size, wrapped_dek, object_key, sha256)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (space_id, id) DO UPDATE SET
        record_id = excluded.record_id, cursor = excluded.cursor, deleted = 0, size = excluded.size,
        wrapped_dek = excluded.wrapped_dek, object_key = excluded.object_key, sha256 = excluded.sha256
    WHERE deleted = 1";

const HAS_ROW: &str = "SELECT EXISTS (SELECT 1 FROM files WHERE space_id = ?1 AND id = ?2)";

const EXPIRE: &str = "\
    UPDATE blob_uploads SET not_before = min(not_before, ?3)
    WHERE space_id = ?1 AND upload_id = ?2 AND pending_delete = 0";

/// Queues an attempt before its object is written.
pub(super) fn begin(
    db: &Connection,
    access: &Access,
    file: FileId,
    lifetime: Duration,
) -> Result<Upload, StorageError> {
    let space = for_writing(db, access)?;
    let id = UploadId::from_bytes(random::uuid(db)?);
    let upload = Upload { id, object: ObjectKey::attempt(space.id, file, id) };
    one_row(enqueue(db, &upload.object, id, now_micros().saturating_add(micros(lifetime))))?;
    Ok(upload)
}

/// Makes a file of an attempt. Compares everything before writing anything, since a rejected operation must leave no trace
/// in the shared transaction.
pub(super) fn commit(
    db: &Connection,
    access: &Access,
    upload: &Upload,
    claim: &Claim,
    content: Content,
    quotas: Quotas,
) -> Result<FileCommit, FileError> {
    let space = for_writing(db, access)?;
    if verdict(db, &space, claim)? == Claimed::Exists {
        return Ok(FileCommit::Exists);
    }
    let change = change(&space, claim.record)?;
    let growth = check_quotas(db, quotas, &space, claim, content.size)?;
    // An attempt to upload another file has another key.
    let (space, key) = (space.id, ObjectKey::attempt(space.id, claim.file, upload.id).to_string());
    let size = i64::try_from(content.size).map_err(database)?;
    let (id, file) = (upload.id.as_bytes(), claim.file.as_bytes());
    let mut take = db.prepare_cached(TAKE).map_err(storage_error)?;
    let taken = take.execute(params![space.as_bytes(), id, key, now_micros()]);
    if taken.map_err(storage_error)? == 0 {
        return Err(FileRejection::UploadLost.into());
    }
    let mut put = db.prepare_cached(PUT).map_err(storage_error)?;
    one_row(put.execute(params![
        space.as_bytes(),
        file,
        claim.record.as_bytes(),
        change.cursor.as_i64(),
        size,
        claim.dek.as_bytes(),
        key,
        content.sha256,
    ]))?;
    move_cursor(db, space, change.cursor, growth)?;
    Ok(FileCommit::Created(change))
}

/// Decides whether the quotas of the space and of its owner have room for the file; returns the stored bytes that it adds. Its
/// row counts once, and so not for a file that is a tombstone now.
pub(super) fn check_quotas(
    db: &Connection,
    quotas: Quotas,
    space: &Space,
    claim: &Claim,
    size: u64,
) -> Result<i64, FileError> {
    let mut select = db.prepare_cached(HAS_ROW).map_err(storage_error)?;
    let has_row: bool = select
        .query_row(params![space.id.as_bytes(), claim.file.as_bytes()], |row| row.get(0))
        .map_err(storage_error)?;
    let row = if has_row { 0 } else { ROW_BYTES };
    let bytes = size.saturating_add(row + claim.dek.as_bytes().len() as u64);
    let growth = i64::try_from(bytes).map_err(database)?;
    usage::check(db, quotas, space.id, growth)?.map_err(FileRejection::QuotaExceeded)?;
    Ok(growth)
}

/// Ends an attempt now, unless it has become a file. An attempt without an entry is queued again.
pub(super) fn abort(db: &Connection, upload: &Upload) -> Result<(), StorageError> {
    let now = now_micros();
    let mut expire = db.prepare_cached(EXPIRE).map_err(storage_error)?;
    let expired = expire.execute(params![upload.object.space().as_bytes(), upload.id.as_bytes(), now]);
    if expired.map_err(storage_error)? == 0 && !is_live(db, &upload.object)? {
        enqueue(db, &upload.object, upload.id, now).map_err(storage_error)?;
    }
    Ok(())
}
