//! Failures: why a database does not open, and what SQLite's codes mean to the contract.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use less_sync_storage::StorageError;
use rusqlite::ErrorCode;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file of the database cannot be made or opened.
    #[error("cannot prepare {path}")]
    Files {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process, or another adapter of this one, has the database open.
    #[error("database {0} is in use by another process")]
    InUse(PathBuf),
    /// SQLite rejected.
    #[error("sqlite failed while opening the database")]
    Sqlite(#[from] rusqlite::Error),
    /// A setting that durability or erasure depend on did not take.
    #[error("pragma {name} is {found} instead of {wanted}")]
    Pragma {
        /// The setting.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// There are tables, but nothing says who made them.
    #[error("database has tables but no migration history")]
    UnknownSchema,
    /// A migration was interrupted by a tool that does not run them atomically.
    #[error("migration {0} is partially applied")]
    PartialMigration(i64),
    /// The history does not match ours.
    #[error("migration {0} was applied in a different form")]
    ForeignMigration(i64),
    /// Written by a later version of this program.
    #[error("database is newer than this build (version {0})")]
    Newer(i64),
    /// A migration is missing in the middle of the history.
    #[error("migration {0} is missing in the history of the database")]
    MissingMigration(i64),
    /// The writer thread could not be started.
    #[error("cannot start the writer thread")]
    Thread(#[source] io::Error),
}

/// The meaning of an SQLite failure: what may pass is `Unavailable`, the rest is a bug or a broken file.
pub(crate) fn storage_error<R>(error: rusqlite::Error) -> StorageError<R> {
    if is_transient(&error) { unavailable(error) } else { database(error) }
}

/// A retry may help.
pub(crate) fn unavailable<R>(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError<R> {
    StorageError::Unavailable(error.into())
}

/// Nobody expected this.
pub(crate) fn database<R>(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError<R> {
    StorageError::Database(error.into())
}

fn is_transient(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
        )
    )
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

/// Exactly the row that was compared must change; nobody else writes, so anything else is a broken file.
pub(crate) fn one_row<R>(changed: rusqlite::Result<usize>) -> Result<(), StorageError<R>> {
    match changed.map_err(storage_error)? {
        1 => Ok(()),
        _ => Err(CorruptRow("record index").into()),
    }
}

/// The adapter was closed, or its writer is gone.
#[derive(Debug, thiserror::Error)]
#[error("database is closed")]
pub(crate) struct Closed;

impl<R> From<Closed> for StorageError<R> {
    fn from(closed: Closed) -> Self {
        unavailable(closed)
    }
}
