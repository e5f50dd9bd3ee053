//! An upload from its intent to its end (storage §3.13, §4.3).
//!
//! The entry in `blob_uploads` decides: a commit deletes it, and a claim for removal marks it first, so that only one of
//! the two succeeds. An object is either the content of a file or pending deletion, never both.

use std::convert::Infallible;
use std::time::Duration;

use less_sync_core::FileId;
use less_sync_storage::{
    Access, Claim, Content, FileChange, FileCommit, FileRejection, ObjectKey, Quotas, StorageError, Upload,
    UploadId,
};

use super::claim::{self, Settled, change};
use crate::access::{Locked, ReadCheck, WriteCheck, cids, for_writing};
use crate::clock::micros;
use crate::error::database;
use crate::objects::{enqueue, is_live};
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};
use crate::usage;

/// Queues an attempt before its object is written: in one statement, without the lock of the space, and only for a caller
/// with access.
pub(super) async fn begin(
    db: &mut Session,
    access: &Access,
    file: FileId,
    lifetime: Duration,
) -> Result<Upload, Aborted> {
    let begun = sqlx::query!(
        r#"WITH gate AS MATERIALIZED (
               SELECT gen_random_uuid() AS upload_id,
                      root_public_key IS NOT NULL AS shared, home_server IS NOT NULL AS remote,
                      EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS revoked
               FROM spaces WHERE id = $1
           ), intent AS (
               INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, not_before)
               SELECT $1, upload_id, $3, $4 || '.' || upload_id, now() + $5::bigint * interval '1 microsecond'
               FROM gate WHERE shared = $6 AND NOT remote AND NOT revoked
           )
           SELECT upload_id AS "upload_id!", shared AS "shared!", remote AS "remote!", revoked AS "revoked!" FROM gate"#,
        access.space().as_uuid(),
        &cids(access),
        file.as_uuid(),
        ObjectKey::legacy(access.space(), file).to_string(),
        micros(lifetime),
        access.chain().is_some(),
    );
    let row = begun.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    let read = ReadCheck { shared: row.shared, revoked: row.revoked };
    WriteCheck { read, remote: row.remote }.admit(access)?;
    let id = UploadId::from_bytes(row.upload_id.into_bytes());
    Ok(Upload { id, object: ObjectKey::attempt(access.space(), file, id) })
}

/// Makes a file of an attempt. Compares everything before writing anything.
pub(super) struct Commit<'a> {
    pub(super) access: &'a Access,
    pub(super) upload: &'a Upload,
    pub(super) claim: &'a Claim,
    pub(super) content: Content,
    pub(super) quotas: Quotas,
}

impl Transaction for Commit<'_> {
    type Outcome = FileCommit;
    type Rejection = FileRejection;

    async fn run(&self, db: &mut Session) -> Result<FileCommit, Aborted<FileRejection>> {
        let space = for_writing(db, self.access).await?;
        let Settled::Free { growth } = claim::settle(db, &space, self.claim, self.content.size).await? else {
            return Ok(FileCommit::Exists);
        };
        let change = change(&space, self.claim.record.as_uuid())?;
        let admitted = usage::check(db, self.quotas, space.id, growth).await?;
        admitted.map_err(FileRejection::QuotaExceeded)?;
        if self.put(db, &space, &change, growth).await? {
            Ok(FileCommit::Created(change))
        } else {
            Err(FileRejection::UploadLost.into())
        }
    }
}

impl Commit<'_> {
    /// Deletes the attempt, writes the row, moves the cursor and counts, in one statement; nothing of it without the attempt. The
    /// time is that of this statement: the transaction may have waited for the space. An attempt to upload another file has
    /// another key.
    async fn put(
        &self,
        db: &mut Session,
        space: &Locked,
        change: &FileChange,
        growth: i64,
    ) -> Result<bool, Aborted<FileRejection>> {
        let size = i64::try_from(self.content.size).map_err(database)?;
        let key = ObjectKey::attempt(self.access.space(), self.claim.file, self.upload.id);
        let put = sqlx::query!(
            "WITH intent AS (
                 DELETE FROM blob_uploads
                 WHERE space_id = $1 AND upload_id = $2 AND object_key = $4 AND NOT pending_delete
                   AND not_before > clock_timestamp()
                 RETURNING object_key
             ), file AS (
                 INSERT INTO files AS f (space_id, id, record_id, cursor, size, wrapped_dek, object_key, sha256)
                 SELECT $1, $3, $5, $6, $7, $8, object_key, $9 FROM intent
                 ON CONFLICT (space_id, id) DO UPDATE
                 SET record_id = excluded.record_id, cursor = excluded.cursor, deleted = false, size = excluded.size,
                     wrapped_dek = excluded.wrapped_dek, object_key = excluded.object_key, sha256 = excluded.sha256
                 WHERE f.deleted
                 RETURNING f.cursor
             )
             SELECT less_sync_grow_1($1, file.cursor, $10) FROM file",
            space.id,
            uuid(self.upload.id),
            self.claim.file.as_uuid(),
            key.to_string(),
            self.claim.record.as_uuid(),
            change.cursor.as_i64(),
            size,
            &self.claim.dek.as_bytes()[..],
            &self.content.sha256[..],
            growth,
        );
        Ok(put.fetch_optional(db).await?.is_some())
    }
}

/// Ends an attempt now, unless it has become a file.
pub(super) struct Abort<'a> {
    pub(super) upload: &'a Upload,
}

impl Transaction for Abort<'_> {
    type Outcome = ();
    type Rejection = Infallible;

    /// The first statement waits for a commit that has taken the attempt; the others see what became of it.
    async fn run(&self, db: &mut Session) -> Result<(), Aborted> {
        let Upload { id, object } = self.upload;
        let expired = sqlx::query!(
            "UPDATE blob_uploads SET not_before = least(not_before, clock_timestamp())
             WHERE space_id = $1 AND upload_id = $2 AND NOT pending_delete",
            object.space().as_uuid(),
            uuid(*id),
        );
        if expired.execute(&mut *db).await?.rows_affected() == 0 && !is_live(db, object).await? {
            enqueue(db, object, Some(*id)).await?;
        }
        Ok(())
    }
}

fn uuid(id: UploadId) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*id.as_bytes())
}
