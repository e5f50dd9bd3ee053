//! Metadata of files; their bytes are in the object store.

mod claim;
mod delete;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::FileId;
use less_sync_storage::stored::{CorruptRow, cursor, dek, size};
use less_sync_storage::{
    Access, Claim, Claimed, Content, FileChange, FileCommit, FileError, FileRejection, Files, ObjectKey,
    ReadGrant, StorageError, StoredFile, Upload, WriteGrant,
};

use self::delete::Delete;
use self::upload::{Abort, Commit};
use crate::PostgresStorage;
use crate::access::{ReadCheck, cids};
use crate::columns::hash;
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;
use crate::transaction::Aborted;

#[async_trait]
impl Files for PostgresStorage {
    async fn claim_file(&self, grant: &WriteGrant, claim: &Claim, size: u64) -> Result<Claimed, FileError> {
        let quotas = self.quotas;
        read!(self.pool, Class::Request, |db| claim::look(db, grant.access(), claim, size, quotas))
    }

    async fn begin_upload(
        &self,
        grant: &WriteGrant,
        file: FileId,
        lifetime: Duration,
    ) -> Result<Upload, StorageError> {
        statement!(self.pool, Class::Request, |db| upload::begin(db, grant.access(), file, lifetime))
    }

    async fn commit_file(
        &self,
        grant: &WriteGrant,
        upload: &Upload,
        claim: &Claim,
        content: Content,
    ) -> Result<FileCommit, FileError> {
        let commit = Commit { access: grant.access(), upload, claim, content, quotas: self.quotas };
        self.pool.transact(Class::Push, &commit).await
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), StorageError> {
        self.pool.transact(Class::Request, &Abort { upload }).await
    }

    async fn file(&self, grant: &ReadGrant, file: FileId) -> Result<StoredFile, FileError> {
        read!(self.pool, Class::Request, |db| find(db, grant.access(), file))
    }

    async fn delete_file(&self, grant: &WriteGrant, file: FileId) -> Result<Option<FileChange>, FileError> {
        self.pool.transact(Class::Push, &Delete { access: grant.access(), file }).await
    }
}

/// A live file and the access check of the caller, in one snapshot.
async fn find(db: &mut Session, access: &Access, file: FileId) -> Result<StoredFile, Aborted<FileRejection>> {
    let found = sqlx::query!(
        r#"SELECT root_public_key IS NOT NULL AS "shared!",
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!",
                  f.record_id AS "record_id?", f.cursor AS "cursor?", f.size AS "size?",
                  f.wrapped_dek AS "wrapped_dek?", f.object_key, f.sha256
           FROM spaces LEFT JOIN files f ON f.space_id = spaces.id AND f.id = $3 AND NOT f.deleted
           WHERE spaces.id = $1"#,
        access.space().as_uuid(),
        &cids(access),
        file.as_uuid(),
    );
    let row = found.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    ReadCheck { shared: row.shared, revoked: row.revoked }.admit(access)?;
    let (Some(record), Some(at), Some(bytes), Some(key)) =
        (row.record_id, row.cursor, row.size, row.wrapped_dek)
    else {
        return Err(FileRejection::FileNotFound.into());
    };
    Ok(StoredFile {
        record: record.into(),
        cursor: cursor(at)?,
        size: size(bytes)?,
        dek: dek(&key)?,
        object: match row.object_key {
            None => ObjectKey::legacy(access.space(), file),
            Some(key) => ObjectKey::parse(&key).map_err(|_| CorruptRow("name of an object"))?,
        },
        sha256: row.sha256.map(hash).transpose()?,
    })
}
