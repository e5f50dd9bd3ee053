//! Metadata of files; their bytes are in the object store.

mod claim;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{FileId, RecordId, SpaceId};
use less_sync_storage::stored::{CorruptRow, cursor, dek as stored_dek, size};
use less_sync_storage::{
    Access, Claim, Claimed, Content, FileChange, FileCommit, FileError, FileRejection, Files, ObjectKey,
    ReadGrant, StorageError, StoredFile, Upload, WriteGrant,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use self::claim::{change, verdict};
use crate::SqliteStorage;
use crate::access::{for_reading, for_writing};
use crate::error::{database, storage_error};
use crate::tombstone::LiveFile;
use crate::usage::move_cursor;
use crate::writer::Load;

/// Estimate of the log bytes per change of a file.
const FILE_BYTES: usize = 1024;

const SELECT: &str = "\
    SELECT record_id, cursor, size, wrapped_dek, object_key, sha256 FROM files
    WHERE space_id = ?1 AND id = ?2 AND deleted = 0";

#[async_trait]
impl Files for SqliteStorage {
    async fn claim_file(&self, grant: &WriteGrant, claim: &Claim, size: u64) -> Result<Claimed, FileError> {
        let (access, claim, quotas) = (grant.access().clone(), *claim, self.quotas);
        self.readers
            .snapshot(grant.access().flow(), move |db| {
                let space = for_writing(db, &access)?;
                let claimed = verdict(db, &space, &claim)?;
                if claimed == Claimed::Free {
                    upload::check_quotas(db, quotas, &space, &claim, size)?;
                }
                Ok(claimed)
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
        let load = Load::of(&access, FILE_BYTES);
        self.writer.write(load, move |db| upload::begin(db, &access, file, lifetime)).await
    }

    async fn commit_file(
        &self,
        grant: &WriteGrant,
        upload: &Upload,
        claim: &Claim,
        content: Content,
    ) -> Result<FileCommit, FileError> {
        let (access, upload, claim, quotas) = (grant.access().clone(), upload.clone(), *claim, self.quotas);
        let load = Load::of(&access, FILE_BYTES);
        self.writer.write(load, move |db| upload::commit(db, &access, &upload, &claim, content, quotas)).await
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), StorageError> {
        let upload = upload.clone();
        self.writer.write(FILE_BYTES, move |db| upload::abort(db, &upload)).await
    }

    async fn file(&self, grant: &ReadGrant, file: FileId) -> Result<StoredFile, FileError> {
        let access = grant.access().clone();
        self.readers
            .snapshot(grant.access().flow(), move |db| {
                let space = for_reading(db, &access)?;
                stored(db, space.id, file)?.ok_or(FileRejection::FileNotFound.into())
            })
            .await
    }

    async fn delete_file(&self, grant: &WriteGrant, file: FileId) -> Result<Option<FileChange>, FileError> {
        let access = grant.access().clone();
        let load = Load::of(&access, FILE_BYTES);
        self.writer.write(load, move |db| delete(db, &access, file)).await
    }
}

fn stored<R>(db: &Connection, space: SpaceId, file: FileId) -> Result<Option<StoredFile>, StorageError<R>> {
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    let found =
        select.query_row(params![space.as_bytes(), file.as_bytes()], |row| Ok(read(space, file, row)));
    found.optional().map_err(storage_error)?.transpose()
}

fn read<R>(space: SpaceId, file: FileId, row: &Row<'_>) -> Result<StoredFile, StorageError<R>> {
    let dek = row.get_ref(3).and_then(|dek| Ok(dek.as_blob()?)).map_err(database)?;
    let key: Option<String> = row.get(4).map_err(database)?;
    Ok(StoredFile {
        record: RecordId::from_bytes(row.get(0).map_err(database)?),
        cursor: cursor(row.get(1).map_err(database)?)?,
        size: size(row.get(2).map_err(database)?)?,
        dek: stored_dek(dek)?,
        object: match key {
            None => ObjectKey::legacy(space, file),
            Some(key) => ObjectKey::parse(&key).map_err(|_| CorruptRow("name of an object"))?,
        },
        sha256: row.get(5).map_err(database)?,
    })
}

fn delete(db: &Connection, access: &Access, file: FileId) -> Result<Option<FileChange>, FileError> {
    let space = for_writing(db, access)?;
    let Some(live) = LiveFile::find(db, space.id, file)? else { return Ok(None) };
    let change = change(&space, live.record)?;
    live.tombstone(db, space.id, change.cursor)?;
    move_cursor(db, space.id, change.cursor, -live.bytes)?;
    Ok(Some(change))
}
