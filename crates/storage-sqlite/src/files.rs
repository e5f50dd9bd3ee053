//! Files: what is known of them. Their objects are elsewhere.

mod upload;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{Dek, Epoch, FileId, RecordId, SpaceId};
use less_sync_storage::{
    Access, Claim, Claimed, Content, FileChange, FileCommit, Files, ObjectKey, ReadGrant, Space, SpaceKind,
    StorageError, StoredFile, Upload, WriteGrant,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::SqliteStorage;
use crate::access::{for_reading, for_writing};
use crate::burial::LiveFile;
use crate::error::{CorruptRow, database, storage_error};
use crate::spaces::{cursor, move_cursor};

pub(crate) use self::upload::intend;

/// About what a change of a file costs in the log.
const FILE_BYTES: usize = 1024;

const SELECT: &str = "\
    SELECT record_id, cursor, size, wrapped_dek, object_key, sha256 FROM files
    WHERE space_id = ?1 AND id = ?2 AND deleted = 0";

const RECORD_IS_LIVE: &str =
    "SELECT EXISTS (SELECT 1 FROM records WHERE space_id = ?1 AND id = ?2 AND deleted = 0)";

#[async_trait]
impl Files for SqliteStorage {
    async fn claim_file(&self, grant: &WriteGrant, claim: &Claim) -> Result<Claimed, StorageError> {
        let (access, claim) = (grant.access().clone(), *claim);
        self.readers
            .snapshot(move |db| {
                let space = for_writing(db, &access)?;
                verdict(db, &space, &claim)
            })
            .await
    }

    async fn begin_upload(
        &self,
        grant: &WriteGrant,
        file: FileId,
        lifetime: Duration,
    ) -> Result<Upload, StorageError> {
        let access = grant.access().clone();
        self.writer.write(FILE_BYTES, move |db| upload::begin(db, &access, file, lifetime)).await
    }

    async fn commit_file(
        &self,
        grant: &WriteGrant,
        upload: &Upload,
        claim: &Claim,
        content: Content,
    ) -> Result<FileCommit, StorageError> {
        let (access, upload, claim) = (grant.access().clone(), upload.clone(), *claim);
        self.writer.write(FILE_BYTES, move |db| upload::commit(db, &access, &upload, &claim, content)).await
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), StorageError> {
        let upload = upload.clone();
        self.writer.write(FILE_BYTES, move |db| upload::abort(db, &upload)).await
    }

    async fn file(&self, grant: &ReadGrant, file: FileId) -> Result<StoredFile, StorageError> {
        let access = grant.access().clone();
        self.readers
            .snapshot(move |db| {
                let space = for_reading(db, &access)?;
                stored(db, space.id, file)?.ok_or(StorageError::FileNotFound)
            })
            .await
    }

    async fn delete_file(
        &self,
        grant: &WriteGrant,
        file: FileId,
    ) -> Result<Option<FileChange>, StorageError> {
        let access = grant.access().clone();
        self.writer.write(FILE_BYTES, move |db| delete(db, &access, file)).await
    }
}

/// What there is to do about a claim. To be asked in the transaction that acts on it.
fn verdict(db: &Connection, space: &Space, claim: &Claim) -> Result<Claimed, StorageError> {
    let owned_by = LiveFile::find(db, space.id, claim.file)?.map(|file| file.record);
    claim.verdict(is_live(db, space.id, claim.record)?, owned_by, oldest_accepted(space))
}

/// The oldest epoch that keys may be of; personal spaces never ask.
fn oldest_accepted(space: &Space) -> Option<Epoch> {
    (space.kind != SpaceKind::Personal).then_some(space.min_key_generation)
}

fn is_live(db: &Connection, space: SpaceId, record: RecordId) -> Result<bool, StorageError> {
    let mut select = db.prepare_cached(RECORD_IS_LIVE).map_err(storage_error)?;
    select.query_row(params![space.as_bytes(), record.as_bytes()], |row| row.get(0)).map_err(storage_error)
}

fn stored(db: &Connection, space: SpaceId, file: FileId) -> Result<Option<StoredFile>, StorageError> {
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    let found =
        select.query_row(params![space.as_bytes(), file.as_bytes()], |row| Ok(read(space, file, row)));
    found.optional().map_err(storage_error)?.transpose()
}

fn read(space: SpaceId, file: FileId, row: &Row<'_>) -> Result<StoredFile, StorageError> {
    let dek = row.get_ref(3).and_then(|dek| Ok(dek.as_blob()?)).map_err(database)?;
    let key: Option<String> = row.get(4).map_err(database)?;
    Ok(StoredFile {
        record: RecordId::from_bytes(row.get(0).map_err(database)?),
        cursor: cursor(row.get(1).map_err(database)?)?,
        size: size(row.get(2).map_err(database)?)?,
        dek: Dek::try_from(dek).map_err(|_| CorruptRow("wrapped key"))?,
        object: match key {
            None => ObjectKey::legacy(space, file),
            Some(key) => ObjectKey::parse(&key).map_err(|_| CorruptRow("name of an object"))?,
        },
        sha256: row.get(5).map_err(database)?,
    })
}

/// A stored size.
pub(crate) fn size(bytes: i64) -> Result<u64, CorruptRow> {
    u64::try_from(bytes).map_err(|_| CorruptRow("size of a file"))
}

fn delete(db: &Connection, access: &Access, file: FileId) -> Result<Option<FileChange>, StorageError> {
    let space = for_writing(db, access)?;
    let Some(live) = LiveFile::find(db, space.id, file)? else { return Ok(None) };
    let change = change(&space, live.record)?;
    live.bury(db, space.id, change.cursor)?;
    move_cursor(db, space.id, change.cursor)?;
    Ok(Some(change))
}

/// The next mutation of the space, which is one of a file of `record`.
fn change(space: &Space, record: RecordId) -> Result<FileChange, StorageError> {
    Ok(FileChange {
        prev: space.cursor,
        cursor: space.cursor.next().ok_or(StorageError::CursorExhausted)?,
        key_generation: space.key_generation,
        rewrap_epoch: space.rewrap_epoch,
        record,
    })
}
