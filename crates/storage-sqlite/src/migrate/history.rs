//! The migrations of this build, the history that the database keeps of them, and the comparison of both.

use rusqlite::Connection;
use sha2::{Digest, Sha384};

use crate::OpenError;

pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) description: &'static str,
    pub(super) sql: &'static str,
}

/// Ascending by version, without gaps.
pub(super) const MIGRATIONS: [Migration; 10] = [
    Migration {
        version: 1,
        description: "spaces and records",
        sql: include_str!("../../../../migrations/sqlite/001_spaces_and_records.sql"),
    },
    Migration {
        version: 2,
        description: "shared spaces",
        sql: include_str!("../../../../migrations/sqlite/002_shared_spaces.sql"),
    },
    Migration {
        version: 3,
        description: "files",
        sql: include_str!("../../../../migrations/sqlite/003_files.sql"),
    },
    Migration {
        version: 4,
        description: "object queue",
        sql: include_str!("../../../../migrations/sqlite/004_object_queue.sql"),
    },
    Migration {
        version: 5,
        description: "issuer bindings",
        sql: include_str!("../../../../migrations/sqlite/005_issuer_bindings.sql"),
    },
    Migration {
        version: 6,
        description: "live keys",
        sql: include_str!("../../../../migrations/sqlite/006_live_keys.sql"),
    },
    Migration {
        version: 7,
        description: "stored bytes",
        sql: include_str!("../../../../migrations/sqlite/007_stored_bytes.sql"),
    },
    Migration {
        version: 8,
        description: "federation keys",
        sql: include_str!("../../../../migrations/sqlite/008_federation_keys.sql"),
    },
    Migration {
        version: 9,
        description: "federation state",
        sql: include_str!("../../../../migrations/sqlite/009_federation_state.sql"),
    },
    Migration {
        version: 10,
        description: "rewrap since",
        sql: include_str!("../../../../migrations/sqlite/010_rewrap_since.sql"),
    },
];

pub(super) struct Applied {
    pub(super) version: i64,
    pub(super) description: String,
    pub(super) installed_on: String,
    pub(super) success: bool,
    pub(super) checksum: Vec<u8>,
    /// In nanoseconds.
    pub(super) execution_time: i64,
}

/// Applied migrations, ascending.
pub(super) fn history(db: &Connection) -> Result<Vec<Applied>, OpenError> {
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

/// The rules of storage §2.3: the history must be a prefix of this program's.
pub(super) fn check(applied: &[Applied]) -> Result<(), OpenError> {
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

pub(super) fn checksum(migration: &Migration) -> Vec<u8> {
    Sha384::digest(migration.sql.as_bytes()).to_vec()
}
