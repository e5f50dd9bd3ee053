//! Restore into an empty database: the mark that keeps servers out until it is complete (operations §12).
//!
//! The mark is a table of its own, which is there before the first restored row and goes after the last raised cursor, so
//! that a restore that was interrupted anywhere in between is never served.

use less_sync_storage::{JumpOutcome, JumpProgress, JumpRequest};

use super::up::{self, Up};
use super::{MigrateError, jump};
use crate::session::Session;

/// Objects of the schema besides the mark; one of them by name.
const FOUND: &str = "
    SELECT c.relname::text FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND c.relname <> 'less_sync_restore'
    ORDER BY c.relname LIMIT 1";

/// Rejects a database in which a restore has begun and is not complete.
pub(crate) async fn require_none(db: &mut Session) -> Result<(), MigrateError> {
    if is_marked(db).await? { Err(MigrateError::UnfinishedRestore) } else { Ok(()) }
}

/// True if a restore has begun and is not complete.
pub(crate) async fn is_marked(db: &mut Session) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT to_regclass('less_sync_restore') IS NOT NULL").fetch_one(db).await
}

/// Rejects a database that holds anything but the mark.
pub(crate) async fn require_empty(db: &mut Session) -> Result<(), MigrateError> {
    let found: Option<String> = sqlx::query_scalar(FOUND).fetch_optional(db).await?;
    found.map_or(Ok(()), |found| Err(MigrateError::NotEmpty(found)))
}

/// Puts the mark up; one that is there belongs to a restore that failed before its first row.
pub(crate) async fn begin(db: &mut Session) -> Result<(), MigrateError> {
    require_empty(db).await?;
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS less_sync_restore ()").execute(db).await?;
    Ok(())
}

/// Takes the mark down after a load that left nothing.
pub(crate) async fn withdraw(db: &mut Session) -> Result<(), MigrateError> {
    require_empty(db).await?;
    end(db).await
}

/// Migrates the loaded database to the schema of this build, raises its cursors and takes the mark down.
pub(crate) async fn complete(
    db: &mut Session,
    request: JumpRequest,
    tell: &mut (dyn FnMut(&JumpProgress) + Send),
) -> Result<JumpOutcome, MigrateError> {
    up::run(db, &Up::default(), &mut |_event| {}).await?;
    let outcome = jump::run(db, request, tell).await?;
    end(db).await?;
    Ok(outcome)
}

async fn end(db: &mut Session) -> Result<(), MigrateError> {
    sqlx::raw_sql("DROP TABLE IF EXISTS less_sync_restore").execute(db).await?;
    Ok(())
}
