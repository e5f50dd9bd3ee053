//! Errors of the migrator.

use std::time::Duration;

use sqlx::postgres::PgDatabaseError;

use super::catalog::Drift;
use super::url::InvalidDatabaseUrl;

/// Failure of a run. Unless it is [`MigrateError::Failed`], nothing was changed; and then what is complete is
/// written down, and the failed step left nothing, or an index that the next run clears away.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The address of the database cannot be understood.
    #[error("invalid database address")]
    Url(#[from] InvalidDatabaseUrl),
    /// There is no connection to be had.
    #[error("cannot connect to the database")]
    Connect(#[source] sqlx::Error),
    /// The database did not answer in time.
    #[error("cannot connect to the database within {} s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// PostgreSQL is too old (operations §11.3).
    #[error("PostgreSQL {found} is too old: {needed} or later is needed")]
    ServerTooOld {
        /// Major version of the server.
        found: i32,
        /// The oldest that will do.
        needed: i32,
    },
    /// The database cannot store every text.
    #[error("database has encoding {0}: create it with ENCODING 'UTF8' and TEMPLATE template0")]
    Encoding(String),
    /// Another migrator holds the lock of the database.
    #[error("another migrator has been at work for {} s", .0.as_secs())]
    Locked(Duration),
    /// Begun migration without a recorded end; not by this tool, which leaves no such rows.
    #[error("migration {0} is partially applied")]
    Partial(i64),
    /// The history has a migration of ours with another content.
    #[error("migration {0} was applied in a different form")]
    Foreign(i64),
    /// Written by a later version of this program.
    #[error("database is newer than this build (version {0})")]
    Newer(i64),
    /// A migration is missing in the middle of the history.
    #[error("migration {0} is missing in the history of the database")]
    Missing(i64),
    /// The second generation of the original server has been here (newer-clients §8).
    #[error("database was written by a newer original server; conversion is not supported yet")]
    NewerOriginal,
    /// There are tables of ours, but nothing says who made them.
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
    #[error("there is nothing to adopt")]
    NothingToAdopt,
    /// The schema is not what its version should be (storage §2.5).
    #[error("schema drift: {0}")]
    Drift(Drift),
    /// There is no such version, or it lies in the other direction.
    #[error("cannot go to version {to} from version {from}")]
    Target {
        /// Current version.
        from: i64,
        /// Requested version.
        to: i64,
    },
    /// A step back would destroy what nothing can bring back.
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
        source: sqlx::Error,
    },
    /// A question to the database failed.
    #[error("database failed")]
    Database(#[from] sqlx::Error),
}

impl MigrateError {
    /// Hint for the operator, if there is one.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "most errors say all there is to say")]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Goose(_) => Some("adopt it with --adopt-goose".to_owned()),
            Self::Drift(_) => Some("continue despite it with --allow-drift".to_owned()),
            Self::LosesData(_) => Some("allow the loss with --allow-data-loss".to_owned()),
            Self::Failed { source, .. } => source
                .as_database_error()
                .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
                .and_then(PgDatabaseError::hint)
                .map(str::to_owned),
            _ => None,
        }
    }
}
