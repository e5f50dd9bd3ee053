//! Migrations: a linear set of our own, embedded, with the bookkeeping of storage §2.2.
//!
//! Each runs with its bookkeeping row in one transaction, so there is no half-applied state to repair. The lock of
//! the database (see `database_file`) keeps two starters apart.

mod status;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha384};

use crate::connection::open_writer;
use crate::{OpenError, database_file};

pub use status::{SchemaEntry, SchemaState, SchemaStatus, schema_status};

/// A migration that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStep {
    /// Its version.
    pub version: i64,
    /// Its name.
    pub description: &'static str,
    /// How long it took.
    pub took: Duration,
}

struct Migration {
    version: i64,
    description: &'static str,
    sql: &'static str,
}

/// Ascending by version, without gaps.
const MIGRATIONS: [Migration; 4] = [
    Migration {
        version: 1,
        description: "spaces and records",
        sql: include_str!("../../../migrations/sqlite/001_spaces_and_records.sql"),
    },
    Migration {
        version: 2,
        description: "shared spaces",
        sql: include_str!("../../../migrations/sqlite/002_shared_spaces.sql"),
    },
    Migration {
        version: 3,
        description: "files",
        sql: include_str!("../../../migrations/sqlite/003_files.sql"),
    },
    Migration {
        version: 4,
        description: "object queue",
        sql: include_str!("../../../migrations/sqlite/004_object_queue.sql"),
    },
];

const BOOKKEEPING: &str = "\
    CREATE TABLE IF NOT EXISTS _sqlx_migrations (
        version        BIGINT PRIMARY KEY,
        description    TEXT NOT NULL,
        installed_on   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        success        BOOLEAN NOT NULL,
        checksum       BLOB NOT NULL,
        execution_time BIGINT NOT NULL
    )";

struct Applied {
    version: i64,
    description: String,
    installed_on: String,
    success: bool,
    checksum: Vec<u8>,
    /// In nanoseconds.
    execution_time: i64,
}

/// Makes or migrates the database at `path` without serving it; what opening it would do. Answers with what was run.
///
/// # Errors
/// As [`crate::SqliteStorage::open`]; in particular while a server has the database open.
pub fn migrate(path: &Path) -> Result<Vec<SchemaStep>, OpenError> {
    let _lock = database_file::claim(path)?;
    run(&mut open_writer(path, None)?)
}

/// Brings the schema up to date, or says why this database is not for this build.
pub(crate) fn run(db: &mut Connection) -> Result<Vec<SchemaStep>, OpenError> {
    let applied = history(db)?;
    check(&applied)?;
    MIGRATIONS.iter().skip(applied.len()).map(|migration| apply(db, migration)).collect()
}

/// What was applied so far, ascending.
fn history(db: &Connection) -> Result<Vec<Applied>, OpenError> {
    if !has_table(db, "name = '_sqlx_migrations'")? {
        let strange = has_table(db, "name NOT LIKE 'sqlite_%'")?;
        return if strange { Err(OpenError::UnknownSchema) } else { Ok(Vec::new()) };
    }
    let mut select = db.prepare(
        "SELECT version, description, strftime('%Y-%m-%dT%H:%M:%SZ', installed_on), success, checksum,
                execution_time
         FROM _sqlx_migrations ORDER BY version",
    )?;
    let rows = select.query_map([], |row| {
        Ok(Applied {
            version: row.get(0)?,
            description: row.get(1)?,
            installed_on: row.get(2)?,
            success: row.get(3)?,
            checksum: row.get(4)?,
            execution_time: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn has_table(db: &Connection, condition: &str) -> rusqlite::Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND {condition})");
    db.query_row(&sql, [], |row| row.get(0))
}

/// The rules of storage §2.3: the history must be a beginning of ours.
fn check(applied: &[Applied]) -> Result<(), OpenError> {
    if let Some(partial) = applied.iter().find(|row| !row.success) {
        return Err(OpenError::PartialMigration(partial.version));
    }
    if let Some(unknown) =
        applied.iter().find(|row| !MIGRATIONS.iter().any(|ours| ours.version == row.version))
    {
        return Err(OpenError::Newer(unknown.version));
    }
    for (ours, row) in MIGRATIONS.iter().zip(applied) {
        if row.version != ours.version {
            return Err(OpenError::MissingMigration(ours.version));
        }
        if row.checksum != checksum(ours) {
            return Err(OpenError::ForeignMigration(row.version));
        }
    }
    Ok(())
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

fn checksum(migration: &Migration) -> Vec<u8> {
    Sha384::digest(migration.sql.as_bytes()).to_vec()
}
