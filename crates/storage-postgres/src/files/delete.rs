//! Deletion of one file (newer-clients §7). Files of deleted records are deleted by the push functions of the database.

use less_sync_core::FileId;
use less_sync_storage::{Access, FileChange, FileRejection, OBJECT_GRACE, ObjectKey};

use super::claim::change;
use crate::access::{Locked, for_writing};
use crate::clock::micros;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

/// Deletes a file; `None` if it does not exist.
pub(super) struct Delete<'a> {
    pub(super) access: &'a Access,
    pub(super) file: FileId,
}

impl Transaction for Delete<'_> {
    type Outcome = Option<FileChange>;
    type Rejection = FileRejection;

    async fn run(&self, db: &mut Session) -> Result<Option<FileChange>, Aborted<FileRejection>> {
        let space = for_writing(db, self.access).await?;
        let live = sqlx::query!(
            r#"SELECT record_id, size + octet_length(wrapped_dek) AS "bytes!"
               FROM files WHERE space_id = $1 AND id = $2 AND NOT deleted"#,
            space.id,
            self.file.as_uuid(),
        );
        let Some(live) = live.fetch_optional(&mut *db).await? else { return Ok(None) };
        let change = change(&space, live.record_id)?;
        self.tombstone(db, &space, &change, live.bytes).await?;
        Ok(Some(change))
    }
}

impl Delete<'_> {
    /// Writes the tombstone, marks the object for deletion, moves the cursor of the space and takes `bytes` off its stored
    /// bytes: as a push does for the files of a deleted record.
    async fn tombstone(
        &self,
        db: &mut Session,
        space: &Locked,
        change: &FileChange,
        bytes: i64,
    ) -> Result<(), sqlx::Error> {
        let tombstoned = sqlx::query!(
            "WITH marked AS (
                 INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, pending_delete, not_before)
                 SELECT space_id, gen_random_uuid(), id, coalesce(object_key, $4), true,
                        now() + $5::bigint * interval '1 microsecond'
                 FROM files WHERE space_id = $1 AND id = $2 AND NOT deleted
             ), tombstoned AS (
                 UPDATE files
                 SET deleted = true, size = 0, wrapped_dek = '', object_key = NULL, sha256 = NULL, cursor = $3
                 WHERE space_id = $1 AND id = $2 AND NOT deleted
             )
             SELECT less_sync_grow_1($1, $3, -$6::bigint)",
            space.id,
            self.file.as_uuid(),
            change.cursor.as_i64(),
            ObjectKey::legacy(self.access.space(), self.file).to_string(),
            micros(OBJECT_GRACE),
            bytes,
        );
        tombstoned.execute(db).await.map(drop)
    }
}
