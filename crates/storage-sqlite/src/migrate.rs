//! Migrations: an embedded linear set, with the bookkeeping of storage §2.2.
//!
//! Each runs with its bookkeeping row in one transaction, so there is no half-applied state to repair. The lock of
//! the database (see `database_file`) keeps two starters apart.

mod history;
mod status;

use std::path::Path;
use std::time::Duration;

use less_sync_disk::DirectorySync;
use rusqlite::{Connection, params};

use self::history::{MIGRATIONS, Migration, check, checksum, history};
use crate::OpenError;
use crate::connection::open_writer;
use crate::database_file::DatabaseFile;

pub use status::{SchemaEntry, SchemaState, SchemaStatus, schema_status};

/// A migration that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStep {
    /// Version of the migration.
    pub version: i64,
    /// Name of the migration.
    pub description: &'static str,
    /// Duration of the migration.
    pub took: Duration,
}

const BOOKKEEPING: &str = "\
    CREATE TABLE IF NOT EXISTS _sqlx_migrations (
        version        BIGINT PRIMARY KEY,
        description    TEXT NOT NULL,
        installed_on   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        success        BOOLEAN NOT NULL,
        checksum       BLOB NOT NULL,
        execution_time BIGINT NOT NULL
    )";

/// Creates or migrates the database at `path` without serving it, as opening does. Returns the steps that were run.
///
/// # Errors
/// As [`crate::SqliteStorage::open`]; in particular while a server has the database open.
pub fn migrate(path: &Path, directory_sync: &DirectorySync) -> Result<Vec<SchemaStep>, OpenError> {
    let file = DatabaseFile::claim(path, directory_sync)?;
    run(&mut open_writer(file.location().path(), None)?)
}

/// Migrates the schema, or rejects a database that this build does not support.
pub(crate) fn run(db: &mut Connection) -> Result<Vec<SchemaStep>, OpenError> {
    let applied = history(db)?;
    check(&applied)?;
    MIGRATIONS.iter().skip(applied.len()).map(|migration| apply(db, migration)).collect()
}

/// Highest schema version of this build.
#[must_use]
pub fn latest_schema_version() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// Version of a database whose history is that of this build; 0 for an empty one.
pub(crate) fn require_known(db: &Connection) -> Result<i64, OpenError> {
    let applied = history(db)?;
    check(&applied)?;
    Ok(applied.last().map_or(0, |row| row.version))
}

/// Rejects a database whose schema is not that of this build.
pub(crate) fn require_current(db: &Connection) -> Result<(), OpenError> {
    let found = require_known(db)?;
    let needed = latest_schema_version();
    if found == needed { Ok(()) } else { Err(OpenError::SchemaBehind { found, needed }) }
}

fn apply(db: &mut Connection, migration: &Migration) -> Result<SchemaStep, OpenError> {
    let (transaction, started) = (db.transaction()?, crate::clock::now_micros());
    transaction.execute(BOOKKEEPING, [])?;
    transaction.execute_batch(migration.sql)?;
    let micros = u64::try_from(crate::clock::now_micros().saturating_sub(started)).unwrap_or(0);
    let took = Duration::from_micros(micros);
    let nanos = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
    transaction.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (?1, ?2, TRUE, ?3, ?4)",
        params![migration.version, migration.description, checksum(migration), nanos],
    )?;
    transaction.commit()?;
    tracing::info!(version = migration.version, description = migration.description, "migration applied");
    Ok(SchemaStep { version: migration.version, description: migration.description, took })
}
