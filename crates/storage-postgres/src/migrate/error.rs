//! Errors of the migrator.

use std::time::Duration;

use less_sync_storage::JumpRejection;

use crate::driver_failure::DriverFailure;

use super::catalog::Drift;
use super::url::InvalidDatabaseUrl;

/// Failure of a run. [`MigrateError::Failed`] only: the steps before the failed one are complete and recorded, and the
/// failed step left no changes, or an index that the next run drops. All other errors: no changes.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Invalid database address.
    #[error("invalid database address")]
    Url(#[from] InvalidDatabaseUrl),
    /// Failed connection attempt.
    #[error("cannot connect to the database")]
    Connect(#[source] DriverFailure),
    /// Connection attempt that timed out.
    #[error("cannot connect to the database within {} s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// PostgreSQL is too old (operations §11.3).
    #[error("PostgreSQL {found} is too old: {needed} or later is needed")]
    ServerTooOld {
        /// Major version of the server.
        found: i32,
        /// Minimum supported version.
        needed: i32,
    },
    /// The database cannot store every text.
    #[error("database has encoding {0}: create it with ENCODING 'UTF8' and TEMPLATE template0")]
    Encoding(String),
    /// Another migrator holds the lock of the database.
    #[error("timed out after {} s waiting for the migration lock", .0.as_secs())]
    Locked(Duration),
    /// Migration recorded as begun but not completed. Written by another tool: this one records completed migrations only.
    #[error("migration {0} is partially applied")]
    Partial(i64),
    /// Migration with another checksum than the one in this program.
    #[error("migration {0} was applied in a different form")]
    Foreign(i64),
    /// Written by a later version of this program.
    #[error("database is newer than this build (version {0})")]
    Newer(i64),
    /// A migration is missing in the middle of the history.
    #[error("migration {0} is missing in the history of the database")]
    Missing(i64),
    /// Database of the second generation of the original server (newer-clients §8).
    #[error("database was written by a newer original server; conversion is not supported yet")]
    NewerOriginal,
    /// Tables of this program without a migration history.
    #[error("database has tables of less-sync but no migration history")]
    Unrecorded,
    /// History of the first-generation server's tool, and adoption was not requested.
    #[error("database was migrated by the first-generation server (goose version {0})")]
    Goose(i64),
    /// The history of the first-generation server ends at a version that cannot be adopted.
    #[error("database of the first-generation server is at goose version {found} instead of {needed}")]
    GooseVersion {
        /// Highest applied version.
        found: i64,
        /// Version that can be adopted.
        needed: i64,
    },
    /// No history of another tool to adopt.
    #[error("no migration history of the first-generation server")]
    NothingToAdopt,
    /// Schema that differs from the catalog of its version (storage §2.5).
    #[error("schema drift: {0}")]
    Drift(Drift),
    /// Target version that does not exist, or lies in the other direction.
    #[error("cannot go to version {to} from version {from}")]
    Target {
        /// Current version.
        from: i64,
        /// Requested version.
        to: i64,
    },
    /// Reverting migration that loses data, without permission to do so.
    #[error("reverting migration {0} loses data")]
    LosesData(i64),
    /// Failed migration or reversal; everything before it is complete and recorded.
    #[error("migration {version} ({description}) failed")]
    Failed {
        /// Version of the migration.
        version: i64,
        /// Name of the migration.
        description: String,
        /// Cause.
        #[source]
        source: DriverFailure,
    },
    /// Migrations are pending, for a tool that does not run them.
    #[error("schema is at version {found}, and this build needs {needed}: migrate it first")]
    SchemaBehind {
        /// Applied version.
        found: i64,
        /// Version of this build.
        needed: i64,
    },
    /// An interrupted run restored the database or raised the cursors of some spaces (operations §12).
    #[error("restore of the database is not complete: run less-sync-migrate after-restore")]
    UnfinishedRestore,
    /// A restore needs a database without tables.
    #[error("database is not empty: it has \"{0}\"; a restore needs an empty one")]
    NotEmpty(String),
    /// A backup needs a database with the tables of this program.
    #[error("database is empty")]
    Empty,
    /// Rejected restore jump.
    #[error(transparent)]
    Jump(#[from] JumpRejection),
    /// Failed query.
    #[error("database query failed")]
    Database(#[source] DriverFailure),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl MigrateError {
    /// Hint for the operator, if there is one.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "most errors need no hint")]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Goose(_) => Some("adopt it with --adopt-goose".to_owned()),
            Self::Drift(_) => Some("continue despite it with --allow-drift".to_owned()),
            Self::LosesData(_) => Some("allow the loss with --allow-data-loss".to_owned()),
            Self::Failed { source, .. } => source.hint().map(str::to_owned),
            _ => None,
        }
    }
}
