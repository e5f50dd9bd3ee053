//! Failures: why a database does not open, and what the adapter itself finds wrong.

use std::error::Error;
use std::time::Duration;

use less_sync_storage::StorageError;

use crate::migrate::MigrateError;
use crate::sqlstate::{Meaning, meaning};

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database could not be reached, or did not let us in, as long as we tried.
    #[error("cannot connect to the database")]
    Connect(#[source] sqlx::Error),
    /// It did not answer.
    #[error("database did not answer within {} s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// PostgreSQL is too old (operations §11.3).
    #[error("PostgreSQL {found} is too old: {needed} or later is needed")]
    ServerTooOld {
        /// Its major version.
        found: u32,
        /// The oldest that will do.
        needed: u32,
    },
    /// Migrations are pending, and we were told not to run them.
    #[error("schema is at version {found}, and this build needs {needed}")]
    SchemaBehind {
        /// Where it is.
        found: i64,
        /// The least that will do.
        needed: i64,
    },
    /// The schema was not brought up to date.
    #[error("cannot migrate the database")]
    Migrate(#[from] MigrateError),
}

impl OpenError {
    /// Whether waiting may help. A wrong password or a database that does not exist stays what it is.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Connect(error) => meaning(error) == Meaning::Unavailable,
            Self::ConnectTimeout(_) => true,
            Self::ServerTooOld { .. } | Self::SchemaBehind { .. } | Self::Migrate(_) => false,
        }
    }
}

/// A retry may help.
pub(crate) fn unavailable<R>(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError<R> {
    StorageError::Unavailable(error.into())
}

/// Nobody expected this.
pub(crate) fn database<R>(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError<R> {
    StorageError::Database(error.into())
}

/// A row that no statement of ours can have written.
#[derive(Debug, thiserror::Error)]
#[error("stored {0} is out of its range")]
pub(crate) struct CorruptRow(pub(crate) &'static str);

impl<R> From<CorruptRow> for StorageError<R> {
    fn from(corrupt: CorruptRow) -> Self {
        database(corrupt)
    }
}

/// The adapter was closed.
#[derive(Debug, thiserror::Error)]
#[error("database is closed")]
pub(crate) struct Closed;

/// Why there is no connection. Whatever it was wanted for was not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoConnection {
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("no connection became free within {0:?}")]
    Exhausted(Duration),
    #[error(transparent)]
    Connect(#[from] OpenError),
}

impl<R> From<NoConnection> for StorageError<R> {
    fn from(error: NoConnection) -> Self {
        unavailable(error)
    }
}

impl<R> From<Closed> for StorageError<R> {
    fn from(closed: Closed) -> Self {
        unavailable(closed)
    }
}
