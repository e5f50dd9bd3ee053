//! Maintenance of a database under the migration lock (operations §10.1).

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::stored::size;
use less_sync_storage::{Compacted, LiveObject, ObjectKey, ObjectName, RewrapState};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::MigrateError;
use super::catalog::TABLES;
use crate::session::Session;

/// Live files with object keys of their own.
const KEYED: &str = "
    SELECT space_id, id, size, object_key FROM files
    WHERE NOT deleted AND object_key IS NOT NULL AND ($1::uuid IS NULL OR (space_id, id) > ($1, $2))
    ORDER BY space_id, id LIMIT $3";

const REWRAP: &str = "
    SELECT key_generation, min_key_generation, rewrap_epoch,
        (SELECT count(*) FROM records r WHERE r.space_id = s.id AND NOT r.deleted
            AND length(r.wrapped_dek) = 44 AND substr(r.wrapped_dek, 1, 4) < int4send(s.rewrap_epoch)) AS records,
        (SELECT count(*) FROM files f WHERE f.space_id = s.id AND NOT f.deleted
            AND length(f.wrapped_dek) = 44 AND substr(f.wrapped_dek, 1, 4) < int4send(s.rewrap_epoch)) AS files
    FROM spaces s WHERE s.id = $1";

/// A database under its migration lock.
#[derive(Debug)]
pub struct Maintenance<'s> {
    db: &'s mut Session,
}

impl<'s> Maintenance<'s> {
    pub(crate) fn new(db: &'s mut Session) -> Self {
        Self { db }
    }

    /// Live files whose objects have keys of their own, in ascending order of (space, file), after a given one; at most
    /// `limit`.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn keyed_files(
        &mut self,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, MigrateError> {
        let rows = sqlx::query(KEYED)
            .bind(after.map(|(space, _)| space.as_uuid()))
            .bind(after.map(|(_, file)| file.as_uuid()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.db)
            .await?;
        rows.iter().map(|row| live_object(row).map_err(MigrateError::from)).collect()
    }

    /// Lets a file point to the object at the key that its ids give, which must be complete; the queue forgets that object.
    /// Returns false if the file has changed meanwhile.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn point_to_legacy_key(&mut self, file: &LiveObject) -> Result<bool, MigrateError> {
        let (space, id) = (file.space.as_uuid(), file.file.as_uuid());
        let mut transaction = self.db.begin().await?;
        lock_space(&mut transaction, file.space).await?;
        let update = "UPDATE files SET object_key = NULL
                      WHERE space_id = $1 AND id = $2 AND object_key = $3 AND NOT deleted";
        let update = sqlx::query(update).bind(space).bind(id).bind(file.name.as_str());
        let is_moved = update.execute(&mut *transaction).await?.rows_affected() == 1;
        if is_moved {
            let legacy = ObjectKey::legacy(file.space, file.file).to_string();
            let forget = sqlx::query("DELETE FROM blob_uploads WHERE space_id = $1 AND object_key = $2");
            forget.bind(space).bind(legacy).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(is_moved)
    }

    /// State of the rewrap of a space; `None` if there is no such space.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn rewrap_state(&mut self, space: SpaceId) -> Result<Option<RewrapState>, MigrateError> {
        let row = sqlx::query(REWRAP).bind(space.as_uuid()).fetch_optional(&mut *self.db).await?;
        let Some(row) = row else { return Ok(None) };
        let count = |name: &str| row.try_get(name).map(|count: i64| u64::try_from(count).unwrap_or(0));
        Ok(Some(RewrapState {
            key_generation: row.try_get(0)?,
            min_key_generation: row.try_get(1)?,
            rewrap_epoch: row.try_get(2)?,
            records: count("records")?,
            files: count("files")?,
        }))
    }

    /// Ends the pending rewrap of a space whichever keys are left, and raises the minimum epoch to its own.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn clear_rewrap(&mut self, space: SpaceId) -> Result<(), MigrateError> {
        let update = "UPDATE spaces SET min_key_generation = greatest(min_key_generation, rewrap_epoch),
                             rewrap_epoch = NULL, updated_at = now()
                      WHERE id = $1 AND rewrap_epoch IS NOT NULL";
        sqlx::query(update).bind(space.as_uuid()).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Frees the dead rows of the tables and renews their statistics; servers may run meanwhile. Reports each table
    /// before it is done.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn compact(&mut self, tell: &mut dyn FnMut(&str)) -> Result<Compacted, MigrateError> {
        let before = self.bytes().await?;
        for table in TABLES {
            tell(table);
            let vacuum = format!("VACUUM (ANALYZE) {table}");
            sqlx::raw_sql(AssertSqlSafe(vacuum)).execute(&mut *self.db).await?;
        }
        Ok(Compacted { before, after: self.bytes().await? })
    }

    async fn bytes(&mut self) -> Result<u64, MigrateError> {
        let tables: Vec<&str> = TABLES.to_vec();
        let sum = "SELECT coalesce(sum(pg_total_relation_size(name::regclass)), 0)::bigint FROM unnest($1::text[]) AS name";
        let bytes: i64 = sqlx::query_scalar(sum).bind(tables).fetch_one(&mut *self.db).await?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }
}

/// The lock that orders all writers of a space (storage T2).
async fn lock_space(db: &mut Session, space: SpaceId) -> sqlx::Result<()> {
    let lock = sqlx::query_scalar::<_, Uuid>("SELECT id FROM spaces WHERE id = $1 FOR NO KEY UPDATE");
    lock.bind(space.as_uuid()).fetch_optional(db).await.map(drop)
}

fn live_object(row: &sqlx::postgres::PgRow) -> sqlx::Result<LiveObject> {
    let (space, file): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
    let size = size(row.try_get(2)?).map_err(|corrupt| sqlx::Error::Decode(corrupt.into()))?;
    let name: String = row.try_get(3)?;
    Ok(LiveObject { name: ObjectName::from(name), space: space.into(), file: file.into(), size })
}
