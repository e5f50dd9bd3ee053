//! Errors of opening a database, and failures that the adapter itself detects.

use std::error::Error;
use std::time::Duration;

use less_sync_storage::StorageError;

use crate::driver_failure::DriverFailure;
use crate::migrate::MigrateError;
use crate::sqlstate::{Meaning, meaning, rejects_startup_parameter};

/// Error of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database could not be reached, or rejected the login, until the timeout.
    #[error("cannot connect to the database")]
    Connect(#[source] DriverFailure),
    /// The database did not respond within the timeout.
    #[error("database did not respond within {} s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// PostgreSQL is too old (operations §11.3).
    #[error("PostgreSQL {found} is too old: {needed} or later is needed")]
    ServerTooOld {
        /// Major version of the server.
        found: u32,
        /// Minimum supported version.
        needed: u32,
    },
    /// Migrations are pending, and running them is disabled.
    #[error("schema is at version {found}, and this build needs {needed}")]
    SchemaBehind {
        /// Position in the migrations.
        found: i64,
        /// Minimum required position.
        needed: i64,
    },
    /// Failed inspection, for diagnostics.
    #[error("cannot inspect the database")]
    Inspect(#[source] DriverFailure),
    /// Failed migration.
    #[error("cannot migrate the database")]
    Migrate(#[from] MigrateError),
}

impl OpenError {
    /// Returns true if a retry may succeed. A wrong password or a missing database is permanent.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Connect(error) => {
                let error = error.driver();
                meaning(error) == Meaning::Unavailable && !rejects_startup_parameter(error)
            }
            Self::ConnectTimeout(_) => true,
            Self::ServerTooOld { .. } | Self::SchemaBehind { .. } | Self::Inspect(_) | Self::Migrate(_) => {
                false
            }
        }
    }
}

/// Maps a driver error to the error of the contract.
pub(crate) fn storage_error<R>(error: sqlx::Error) -> StorageError<R> {
    match meaning(&error) {
        Meaning::Retry(_) | Meaning::Unavailable => unavailable(DriverFailure::from(error)),
        Meaning::SpaceNotFound => StorageError::SpaceNotFound,
        // Spaces are created by statements that do not raise this.
        Meaning::SpaceExists | Meaning::Bug => database(DriverFailure::from(error)),
    }
}

/// A failure that may be transient.
pub(crate) fn unavailable<R>(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError<R> {
    StorageError::Unavailable(error.into())
}

/// An unexpected failure.
pub(crate) fn database<R>(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError<R> {
    StorageError::Database(error.into())
}

/// The adapter was closed.
#[derive(Debug, thiserror::Error)]
#[error("database is closed")]
pub(crate) struct Closed;

/// No connection; the operation was not begun.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_connection_is_unavailable_and_a_bug_is_not() {
        let error = |error: sqlx::Error| -> StorageError { storage_error(error) };
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(error(lost), StorageError::Unavailable(_)));
        assert!(matches!(error(sqlx::Error::RowNotFound), StorageError::Database(_)));
    }
}
