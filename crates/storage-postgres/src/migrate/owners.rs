//! Validation of the foreign key from files to records of their own space.
//!
//! Up to version 15 nothing made sure of that. `space scoped keys` adds the constraint without looking at old rows;
//! this looks, under a lock that lets writers pass.

use sqlx::FromRow;
use sqlx::error::DatabaseError;
use uuid::Uuid;

use crate::session::Session;

/// From this version on files name a record of their own space.
const SINCE: i64 = 16;

/// Maximum number of listed files.
const LISTED: i64 = 100;

/// SQLSTATE of a violated foreign key.
const FOREIGN_KEY_VIOLATION: &str = "23503";

/// A file whose record is not in its space.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StrayFile {
    /// The space of the file.
    pub space_id: Uuid,
    /// The file.
    pub file_id: Uuid,
    /// The record that it names.
    pub record_id: Uuid,
}

/// Validates the constraint unless that is done. Returns the first files that violate it; the constraint rejects
/// further ones in any case.
pub(crate) async fn validate(db: &mut Session, version: i64) -> sqlx::Result<Vec<StrayFile>> {
    if version < SINCE || !is_open(db).await? {
        return Ok(Vec::new());
    }
    match sqlx::raw_sql("ALTER TABLE files VALIDATE CONSTRAINT files_record_fk").execute(&mut *db).await {
        Ok(_) => Ok(Vec::new()),
        Err(error) if is_violation(&error) => strays(db).await,
        Err(error) => Err(error),
    }
}

/// True if the constraint has not been validated yet.
pub(crate) async fn is_open(db: &mut Session) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint
         WHERE conrelid = to_regclass('files') AND conname = 'files_record_fk' AND NOT convalidated)",
    )
    .fetch_one(db)
    .await
}

fn is_violation(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.as_deref() == Some(FOREIGN_KEY_VIOLATION)
}

async fn strays(db: &mut Session) -> sqlx::Result<Vec<StrayFile>> {
    sqlx::query_as(
        "SELECT space_id, id AS file_id, record_id FROM files
         WHERE NOT EXISTS (
             SELECT FROM records WHERE records.space_id = files.space_id AND records.id = files.record_id)
         ORDER BY space_id, id LIMIT $1",
    )
    .bind(LISTED)
    .fetch_all(db)
    .await
}
