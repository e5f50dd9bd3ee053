//! Exported snapshot of a database, and the live files in it, for backups (operations §12).

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::stored::size;
use less_sync_storage::{LiveObject, ObjectKey, ObjectName, SnapshotFile};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::position::{self, Position};
use super::{MigrateError, jump, restore};
use crate::session::{OpenTransaction, Session};

/// First schema version with object keys, digests and settings, and first version with tombstones of files.
const OBJECT_KEYS: i64 = 17;
const TOMBSTONES: i64 = 10;

/// Read transaction whose snapshot other sessions can use while it is open.
#[derive(Debug)]
pub struct Snapshot<'s> {
    transaction: OpenTransaction<'s>,
    id: String,
    version: i64,
    server: u32,
    taken_at: String,
}

impl<'s> Snapshot<'s> {
    /// Begins the transaction and exports its snapshot.
    pub(crate) async fn take(db: &'s mut Session) -> Result<Self, MigrateError> {
        let version = match position::find(db).await? {
            Position::At(0) => return Err(MigrateError::Empty),
            Position::At(version) => version,
            Position::Goose(found) => return Err(MigrateError::Goose(found)),
        };
        restore::require_none(db).await?;
        if version >= OBJECT_KEYS {
            jump::require_complete(db).await?;
        }
        let server = db.server_version() / 10_000;
        let mut transaction = db.begin().await?;
        sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .execute(&mut *transaction)
            .await?;
        let (id, taken_at): (String, String) = sqlx::query_as(
            "SELECT pg_export_snapshot(),
                    to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
        )
        .fetch_one(&mut *transaction)
        .await?;
        Ok(Self { transaction, id, version, server, taken_at })
    }

    /// Name of the snapshot (`pg_dump --snapshot`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Version of the schema.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Major version of the server.
    #[must_use]
    pub fn server(&self) -> u32 {
        self.server
    }

    /// Time of the snapshot, as RFC 3339 in UTC.
    #[must_use]
    pub fn taken_at(&self) -> &str {
        &self.taken_at
    }

    /// Live files in ascending order of (space, file), after a given one; at most `limit`.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn files(
        &mut self,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<SnapshotFile>, MigrateError> {
        let keys =
            if self.version >= OBJECT_KEYS { "" } else { "NULL::text AS object_key, NULL::bytea AS sha256," };
        let columns = if keys.is_empty() { "object_key, sha256," } else { keys };
        let live = if self.version >= TOMBSTONES { "NOT deleted" } else { "true" };
        let select = format!(
            "SELECT space_id, id, {columns} size FROM files
             WHERE {live} AND ($1::uuid IS NULL OR (space_id, id) > ($1, $2))
             ORDER BY space_id, id LIMIT $3"
        );
        let rows = sqlx::query(AssertSqlSafe(select))
            .bind(after.map(|(space, _)| space.as_uuid()))
            .bind(after.map(|(_, file)| file.as_uuid()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(|row| read(row).map_err(MigrateError::from)).collect()
    }
}

fn read(row: &sqlx::postgres::PgRow) -> sqlx::Result<SnapshotFile> {
    let (space, file) =
        (SpaceId::from(row.try_get::<Uuid, _>("space_id")?), FileId::from(row.try_get::<Uuid, _>("id")?));
    let size = size(row.try_get("size")?).map_err(|corrupt| sqlx::Error::Decode(corrupt.into()))?;
    let name: Option<String> = row.try_get("object_key")?;
    let name = name.map_or_else(|| ObjectName::from(&ObjectKey::legacy(space, file)), ObjectName::from);
    let sha256: Option<Vec<u8>> = row.try_get("sha256")?;
    let sha256 = sha256.and_then(|sha256| sha256.try_into().ok());
    Ok(SnapshotFile { object: LiveObject { name, space, file, size }, sha256 })
}
