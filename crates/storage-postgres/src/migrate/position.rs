//! Detection of the migration history of a database (storage §2.3).

use super::catalog::Catalog;
use super::{MigrateError, history, original};
use crate::session::Session;

/// Position in a migration history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Version of the migration history; 0 for a database without tables of this program.
    At(i64),
    /// Version in the history of the first-generation server.
    Goose(i64),
}

/// Looks, and changes nothing.
pub(crate) async fn find(db: &mut Session) -> Result<Position, MigrateError> {
    let history = history::read(db).await?;
    let applied = history.iter().map(|row| (row.version, &*row.description));
    if original::is_newer(db, applied).await? {
        return Err(MigrateError::NewerOriginal);
    }
    let version = history::check(&history)?;
    if version > 0 || Catalog::read(db, version).await?.is_empty() {
        return Ok(Position::At(version));
    }
    let goose = goose_version(db).await?;
    goose.map(Position::Goose).ok_or(MigrateError::Unrecorded)
}

/// The highest version that the first-generation server's tool has applied.
async fn goose_version(db: &mut Session) -> sqlx::Result<Option<i64>> {
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass('goose_db_version') IS NOT NULL").fetch_one(&mut *db).await?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version_id)::bigint FROM goose_db_version WHERE is_applied")
        .fetch_one(db)
        .await
}
