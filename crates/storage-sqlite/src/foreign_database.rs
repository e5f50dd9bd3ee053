//! Databases that another process may have open, or that are in a directory that cannot be written.
//!
//! SQLite opens a database with a write-ahead log only where it finds or can make the index of the log. In a snapshot of a
//! file system it can do neither, so the file is read as it is: whole if no log is beside it.

use std::fs::Metadata;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, ErrorCode};

use crate::OpenError;
use crate::connection::{absolute, open_immutable, open_reader};
use crate::database_file::beside;
use crate::file_names::{Alias, Identity, alias_of, identity_of};

/// Files beside a database that is open, or whose process was killed.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Read-only connection to a database that this process has not locked.
pub(crate) struct ForeignDatabase {
    db: Connection,
    /// File that is read without its log; `None` with the log.
    quiet: Option<QuietFile>,
}

impl ForeignDatabase {
    /// Opens the database, and reads from it. Rejects names under which the log would be missed, and with it what was
    /// committed since the last checkpoint. SQLite follows symbolic links by itself.
    ///
    /// # Errors
    /// [`OpenError::Alias`], [`OpenError::Files`], [`OpenError::Sqlite`]; [`OpenError::UnreadableLog`] in a directory that
    /// cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let alias = alias_of(path).map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
        if let Some(alias @ (Alias::HardLinks(_) | Alias::MountPoint)) = alias {
            return Err(OpenError::Alias { path: absolute(path), alias });
        }
        match open_reader(path).and_then(readable) {
            Ok(db) => Ok(Self { db, quiet: None }),
            Err(error) if lacks_index(&error) => Self::open_quiet(path),
            Err(error) => Err(error.into()),
        }
    }

    fn open_quiet(path: &Path) -> Result<Self, OpenError> {
        let quiet = QuietFile::of(path)?;
        if let Some(log) = quiet.companion() {
            return Err(OpenError::UnreadableLog(log));
        }
        let db = open_immutable(&quiet.path).and_then(readable)?;
        Ok(Self { db, quiet: Some(quiet) })
    }

    /// Checks after the last read that no process wrote what was read without locks.
    ///
    /// # Errors
    /// [`OpenError::InUse`]: what was read may be mixed from several states.
    pub(crate) fn require_quiet(&self) -> Result<(), OpenError> {
        self.quiet.as_ref().map_or(Ok(()), QuietFile::require_unchanged)
    }
}

impl Deref for ForeignDatabase {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.db
    }
}

impl DerefMut for ForeignDatabase {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.db
    }
}

/// A connection opens its files with the first read.
fn readable(db: Connection) -> rusqlite::Result<Connection> {
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(db)
}

/// True if SQLite could not make the index of the log. A file that cannot be read at all has the same code.
fn lacks_index(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Database file that no process writes: there is no log beside it.
#[derive(Debug)]
struct QuietFile {
    /// Absolute, without symbolic links: the log is beside the file itself.
    path: PathBuf,
    state: State,
}

/// Property of a file that changes with every write.
type State = (Identity, u64, Option<SystemTime>);

impl QuietFile {
    fn of(path: &Path) -> Result<Self, OpenError> {
        let read = || -> io::Result<Self> {
            let path = path.canonicalize()?;
            let state = state(&path.metadata()?);
            Ok(Self { path, state })
        };
        read().map_err(|source| OpenError::Files { path: path.to_owned(), source })
    }

    /// The first file beside the database that is there and not empty.
    fn companion(&self) -> Option<PathBuf> {
        let mut paths = COMPANIONS.iter().map(|suffix| beside(&self.path, suffix));
        paths.find(|path| path.metadata().is_ok_and(|found| found.len() > 0))
    }

    fn require_unchanged(&self) -> Result<(), OpenError> {
        let is_unchanged = self.path.metadata().is_ok_and(|found| state(&found) == self.state);
        if is_unchanged && self.companion().is_none() {
            Ok(())
        } else {
            Err(OpenError::InUse(self.path.clone()))
        }
    }
}

fn state(found: &Metadata) -> State {
    (identity_of(found), found.len(), found.modified().ok())
}

#[cfg(test)]
mod tests {
    use less_sync_disk::DirectorySync;

    use super::*;
    use crate::migrate;

    fn quiet(path: &Path) -> Result<ForeignDatabase, OpenError> {
        ForeignDatabase::open_quiet(path)
    }

    #[test]
    fn file_without_a_log_is_read_as_it_is_until_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        // SQLite takes the name for a part of a URI.
        let path = folder.path().join("a%20b?c#d.db");
        migrate(&path, &DirectorySync::required()).unwrap();
        let db = quiet(&path).unwrap();
        assert_eq!(db.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
        db.require_quiet().unwrap();
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(db.require_quiet(), Err(OpenError::InUse(_))));
        assert!(
            matches!(quiet(&path), Err(OpenError::UnreadableLog(log)) if log.ends_with("a%20b?c#d.db-wal"))
        );
        // The end of the last connection moves the log into the file.
        drop(writer);
        assert!(matches!(db.require_quiet(), Err(OpenError::InUse(_))));
        quiet(&path).unwrap().require_quiet().unwrap();
    }
}
