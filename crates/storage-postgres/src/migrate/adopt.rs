//! Adoption of the migration history of the first-generation server (goose).

use std::time::Duration;

use super::position::{self, Position};
use super::{MigrateError, catalog, files, history};
use crate::session::Session;

/// Last version of the history of the first-generation server.
const GOOSE_LATEST: i64 = 11;

/// Checks that the history ends at the version that can be adopted, and that the schema matches it. Read-only.
pub(crate) async fn verify(db: &mut Session) -> Result<i64, MigrateError> {
    match position::find(db).await? {
        Position::Goose(GOOSE_LATEST) => {}
        Position::Goose(found) => return Err(MigrateError::GooseVersion { found, needed: GOOSE_LATEST }),
        Position::At(_) => return Err(MigrateError::NothingToAdopt),
    }
    match catalog::drift(db, GOOSE_LATEST).await? {
        None => Ok(GOOSE_LATEST),
        Some(drift) => Err(MigrateError::Drift(drift)),
    }
}

/// Writes the history of this migrator up to the version of the schema.
pub(crate) async fn run(db: &mut Session) -> Result<i64, MigrateError> {
    let version = verify(db).await?;
    let mut transaction = db.begin().await?;
    history::prepare(&mut transaction).await?;
    for migration in files::after(0).take_while(|migration| migration.version <= version) {
        history::insert(&mut transaction, migration, Duration::ZERO).await?;
    }
    transaction.commit().await?;
    tracing::info!(version, "history of the first-generation server adopted");
    Ok(version)
}
