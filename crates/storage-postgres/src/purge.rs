//! Removal of a space in bounded transactions (storage §3.21).

use std::convert::Infallible;

use async_trait::async_trait;
use less_sync_core::SpaceId;
use less_sync_storage::{
    OBJECT_GRACE, ObjectKey, PURGE_BYTES, PURGE_ROWS, PURGED_HOME, Purge, PurgeStep, StorageError,
};
use uuid::Uuid;

use crate::PostgresStorage;
use crate::clock::micros;
use crate::pool::Class;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction, plan_by_key};

#[async_trait]
impl Purge for PostgresStorage {
    async fn purge_step(&self, space: SpaceId) -> Result<PurgeStep, StorageError> {
        self.pool.transact(Class::Job, &Step { space }).await
    }
}

/// Step of a removal.
struct Step {
    space: SpaceId,
}

impl Transaction for Step {
    type Outcome = PurgeStep;
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<PurgeStep, Aborted> {
        plan_by_key(db).await?;
        // The lock of the row keeps writers of the space out, and other steps.
        let fenced = sqlx::query!(
            "UPDATE spaces SET home_server = $2 WHERE id = $1",
            self.space.as_uuid(),
            PURGED_HOME,
        );
        if fenced.execute(&mut *db).await?.rows_affected() == 0 {
            return Ok(PurgeStep::Absent);
        }
        // Files first: they refer to records.
        let files = self.files(db).await?;
        if files > 0 {
            return Ok(PurgeStep::Rows(files));
        }
        let records = self.records(db).await?;
        if records > 0 {
            return Ok(PurgeStep::Rows(records));
        }
        let (removed, is_rest) = self.rest(db).await?;
        if is_rest {
            return Ok(PurgeStep::Rows(removed));
        }
        // A trigger takes the stored bytes from those of the owner.
        sqlx::query!("DELETE FROM spaces WHERE id = $1", self.space.as_uuid()).execute(db).await?;
        Ok(PurgeStep::Done(removed))
    }
}

impl Step {
    /// Removes files, and marks the objects of live ones for deletion.
    async fn files(&self, db: &mut Session) -> Result<u64, sqlx::Error> {
        let files = sqlx::query!(
            "SELECT id, object_key, deleted FROM files WHERE space_id = $1 ORDER BY id LIMIT $2",
            self.space.as_uuid(),
            i64::from(PURGE_ROWS),
        );
        let files = files.fetch_all(&mut *db).await?;
        let Some(last) = files.last().map(|file| file.id) else { return Ok(0) };
        let live = files.into_iter().filter(|file| !file.deleted);
        let (ids, keys): (Vec<Uuid>, Vec<String>) = live
            .map(|file| {
                let legacy = || ObjectKey::legacy(self.space, file.id.into()).to_string();
                (file.id, file.object_key.unwrap_or_else(legacy))
            })
            .unzip();
        let marked = sqlx::query!(
            "INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, pending_delete, not_before)
             SELECT $1, gen_random_uuid(), f.id, f.key, true, now() + $4::bigint * interval '1 microsecond'
             FROM unnest($2::uuid[], $3::text[]) AS f (id, key)",
            self.space.as_uuid(),
            &ids,
            &keys,
            micros(OBJECT_GRACE),
        );
        marked.execute(&mut *db).await?;
        let deleted =
            sqlx::query!("DELETE FROM files WHERE space_id = $1 AND id <= $2", self.space.as_uuid(), last,);
        Ok(deleted.execute(db).await?.rows_affected())
    }

    /// Removes records, of which the last one may exceed the bound of bytes. The length of a blob is known without reading it.
    async fn records(&self, db: &mut Session) -> Result<u64, sqlx::Error> {
        let records = sqlx::query!(
            r#"SELECT id, coalesce(octet_length(blob), 0) AS "bytes!" FROM records WHERE space_id = $1 ORDER BY id LIMIT $2"#,
            self.space.as_uuid(),
            i64::from(PURGE_ROWS),
        );
        let records = records.fetch_all(&mut *db).await?;
        let mut bytes = 0_u64;
        let fitting = records.iter().take_while(|record| {
            let fits = bytes < PURGE_BYTES;
            bytes = bytes.saturating_add(u64::try_from(record.bytes).unwrap_or(0));
            fits
        });
        let Some(last) = fitting.last() else { return Ok(0) };
        let deleted = sqlx::query!(
            "DELETE FROM records WHERE space_id = $1 AND id <= $2",
            self.space.as_uuid(),
            last.id,
        );
        Ok(deleted.execute(db).await?.rows_affected())
    }

    /// Removes rows that nothing refers to; true if there may be more of them.
    async fn rest(&self, db: &mut Session) -> Result<(u64, bool), sqlx::Error> {
        let (space, rows) = (self.space.as_uuid(), i64::from(PURGE_ROWS));
        let members = sqlx::query!(
            "DELETE FROM members WHERE space_id = $1 AND chain_seq IN
                 (SELECT chain_seq FROM members WHERE space_id = $1 ORDER BY chain_seq LIMIT $2)",
            space,
            rows,
        );
        let members = members.execute(&mut *db).await?.rows_affected();
        let keys = sqlx::query!(
            "DELETE FROM epoch_keys WHERE space_id = $1 AND (epoch, member_did) IN
                 (SELECT epoch, member_did FROM epoch_keys WHERE space_id = $1 ORDER BY epoch, member_did LIMIT $2)",
            space,
            rows,
        );
        let keys = keys.execute(&mut *db).await?.rows_affected();
        let revocations = sqlx::query!(
            "DELETE FROM revocations WHERE space_id = $1 AND ucan_cid IN
                 (SELECT ucan_cid FROM revocations WHERE space_id = $1 ORDER BY ucan_cid LIMIT $2)",
            space,
            rows,
        );
        let revocations = revocations.execute(&mut *db).await?.rows_affected();
        let is_rest = [members, keys, revocations].contains(&u64::from(PURGE_ROWS));
        Ok((members + keys + revocations, is_rest))
    }
}
