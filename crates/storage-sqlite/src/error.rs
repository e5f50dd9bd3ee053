//! Errors of opening a database, and the mapping of SQLite error codes to the contract.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{JumpRejection, StorageError};
use rusqlite::ErrorCode;

use crate::file_names::Alias;

/// Error of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file of the database cannot be made or opened.
    #[error("cannot prepare {path}")]
    Files {
        /// Path of the file or directory.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The database file has a second name, under which its write-ahead log would be missed.
    #[error("database {path} is {alias}")]
    Alias {
        /// Path as configured, absolute.
        path: PathBuf,
        /// The kind of second name.
        alias: Alias,
    },
    /// Another file took the place of the database while it was open or being opened.
    #[error("database {0} was moved, deleted or replaced")]
    Replaced(PathBuf),
    /// Another process, or another adapter of this one, has the database open.
    #[error("database {0} is in use by another process")]
    InUse(PathBuf),
    /// SQLite failed.
    #[error("sqlite failed while opening the database")]
    Sqlite(#[from] rusqlite::Error),
    /// A setting that durability or erasure depend on did not take.
    #[error("pragma {name} is {found} instead of {wanted}")]
    Pragma {
        /// The setting.
        name: &'static str,
        /// Required value.
        wanted: &'static str,
        /// Actual value.
        found: String,
    },
    /// The database has tables but no migration history.
    #[error("database has tables but no migration history")]
    UnknownSchema,
    /// A migration was interrupted by a tool that does not run them atomically.
    #[error("migration {0} is partially applied")]
    PartialMigration(i64),
    /// History that does not match the migrations of this build.
    #[error("migration {0} was applied in a different form")]
    ForeignMigration(i64),
    /// Written by a later version of this program.
    #[error("database is newer than this build (version {0})")]
    Newer(i64),
    /// A migration is missing in the middle of the history.
    #[error("migration {0} is missing in the history of the database")]
    MissingMigration(i64),
    /// No database file, for a tool that does not create one.
    #[error("no database at {0}")]
    Missing(PathBuf),
    /// Migrations are pending, for a tool that does not run them.
    #[error("schema is at version {found}, and this build needs {needed}: migrate it first")]
    SchemaBehind {
        /// Applied version.
        found: i64,
        /// Version of this build.
        needed: i64,
    },
    /// An interrupted run raised the cursors of some spaces (operations §12).
    #[error("restore of the database is not complete: run less-sync-migrate after-restore")]
    UnfinishedRestore,
    /// A restore needs a place without a database.
    #[error("{0} exists: a restore needs a place without a database")]
    NotEmpty(PathBuf),
    /// The log of a database in a directory that cannot be written holds commits, and its index is missing.
    #[error("log {0} of the database must be recovered, which its directory does not allow")]
    UnreadableLog(PathBuf),
    /// The check of SQLite found a damage.
    #[error("database is damaged: {0}")]
    Damaged(String),
    /// Rejected restore jump.
    #[error(transparent)]
    Jump(#[from] JumpRejection),
    /// The writer thread could not be started.
    #[error("cannot start the writer thread")]
    Thread(#[source] io::Error),
}

/// Maps an SQLite error: transient ones to `Unavailable`, the rest (a bug, a damaged file) to `Database`.
pub(crate) fn storage_error<R>(error: rusqlite::Error) -> StorageError<R> {
    if is_transient(&error) { unavailable(error) } else { database(error) }
}

/// A failure that may be transient.
pub(crate) fn unavailable<R>(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError<R> {
    StorageError::Unavailable(error.into())
}

/// An unexpected failure.
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
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
        )
    )
}

/// True if a write failed because the file system or the disk rejects writes. A full disk does not count, which deletions
/// free; neither does a lock of another process.
pub(crate) fn is_write_failure(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref::<rusqlite::Error>()).any(|error| {
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen)
        )
    })
}

/// Requires that a statement changed exactly the row that was compared before. This is the only writer, so any other number
/// means a damaged file.
pub(crate) fn one_row<R>(changed: rusqlite::Result<usize>) -> Result<(), StorageError<R>> {
    match changed.map_err(storage_error)? {
        1 => Ok(()),
        _ => Err(CorruptRow("record index").into()),
    }
}

/// Failure of all writes.
#[derive(Debug, thiserror::Error)]
#[error("file system of the database is read-only")]
pub(crate) struct ReadOnlyFileSystem;

/// The adapter was closed, or its writer thread has ended.
#[derive(Debug, thiserror::Error)]
#[error("database is closed")]
pub(crate) struct Closed;

impl<R> From<Closed> for StorageError<R> {
    fn from(closed: Closed) -> Self {
        unavailable(closed)
    }
}
