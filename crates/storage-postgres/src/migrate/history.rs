//! The bookkeeping table (storage §2.2). Its form is that of the tool which made the original's.

use std::time::Duration;

use sqlx::FromRow;

use super::files::{self, Migration};
use super::{MigrateError, original};
use crate::session::Session;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version        BIGINT PRIMARY KEY,
    description    TEXT NOT NULL,
    installed_on   TIMESTAMPTZ NOT NULL DEFAULT now(),
    success        BOOLEAN NOT NULL,
    checksum       BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
)";

const ROWS: &str = "
    SELECT version, description, success, checksum, execution_time,
           to_char(installed_on AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS installed_on
    FROM _sqlx_migrations ORDER BY version";

/// Row of the bookkeeping table.
#[derive(Debug, FromRow)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) installed_on: String,
    pub(crate) success: bool,
    pub(crate) checksum: Vec<u8>,
    /// In nanoseconds.
    execution_time: i64,
}

impl Applied {
    pub(crate) fn took(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.execution_time).unwrap_or(0))
    }

    /// True if the row records this migration, in this build's form or in the original's.
    pub(crate) fn is(&self, ours: &Migration) -> bool {
        self.version == ours.version
            && (self.checksum == ours.checksum() || original::wrote(self.version, &self.checksum))
    }
}

/// Applied migrations, ascending. Empty for a new database.
pub(crate) async fn read(db: &mut Session) -> sqlx::Result<Vec<Applied>> {
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *db).await?;
    if exists { sqlx::query_as(ROWS).fetch_all(db).await } else { Ok(Vec::new()) }
}

pub(crate) async fn prepare(db: &mut Session) -> sqlx::Result<()> {
    sqlx::raw_sql(TABLE).execute(db).await.map(drop)
}

pub(crate) async fn insert(db: &mut Session, ours: &Migration, took: Duration) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES ($1, $2, true, $3, $4)",
    )
    .bind(ours.version)
    .bind(ours.description())
    .bind(ours.checksum())
    .bind(i64::try_from(took.as_nanos()).unwrap_or(i64::MAX))
    .execute(db)
    .await
    .map(drop)
}

pub(crate) async fn delete(db: &mut Session, ours: &Migration) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM _sqlx_migrations WHERE version = $1");
    delete.bind(ours.version).execute(db).await.map(drop)
}

/// Version at the end of the history, if it is a prefix of this program's (storage §2.3).
pub(crate) fn check(history: &[Applied]) -> Result<i64, MigrateError> {
    if let Some(partial) = history.iter().find(|row| !row.success) {
        return Err(MigrateError::Partial(partial.version));
    }
    if let Some(unknown) = history.iter().find(|row| files::find(row.version).is_none()) {
        return Err(MigrateError::Newer(unknown.version));
    }
    for (ours, row) in files::after(0).zip(history) {
        if row.version != ours.version {
            return Err(MigrateError::Missing(ours.version));
        }
        if !row.is(ours) {
            return Err(MigrateError::Foreign(row.version));
        }
    }
    Ok(history.last().map_or(0, |row| row.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: i64) -> Applied {
        let checksum = files::find(version).map(Migration::checksum).unwrap_or_default();
        let description = files::find(version).map(Migration::description).unwrap_or_default();
        Applied {
            version,
            description,
            installed_on: String::new(),
            success: true,
            checksum,
            execution_time: 1,
        }
    }

    #[test]
    fn beginning_of_our_history_is_accepted() {
        assert_eq!(check(&[]).unwrap(), 0);
        assert_eq!(check(&[row(1), row(2), row(3)]).unwrap(), 3);
    }

    #[test]
    fn anything_else_is_rejected_for_what_it_is() {
        let text = |history: &[Applied]| check(history).unwrap_err().to_string();
        assert_eq!(text(&[row(1), Applied { success: false, ..row(2) }]), "migration 2 is partially applied");
        assert_eq!(text(&[row(1), row(999)]), "database is newer than this build (version 999)");
        assert_eq!(text(&[row(1), row(3)]), "migration 2 is missing in the history of the database");
        let modified = Applied { checksum: vec![0; 48], ..row(2) };
        assert_eq!(text(&[row(1), modified]), "migration 2 was applied in a different form");
    }
}
