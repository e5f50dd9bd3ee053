//! Restore of a database file: prepared beside its final path, and moved there as a whole (operations §12).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use less_sync_disk::DirectorySync;
use less_sync_storage::{JumpOutcome, JumpProgress, JumpRequest};

use crate::connection::open_reader;
use crate::database_file::{beside, lock, resolve};
use crate::{OpenError, jump_cursors, migrate};

/// A database that is being restored. Until [`RestoredDatabase::complete`] returns there is no database at the path; a
/// value that is dropped before removes what was written.
#[derive(Debug)]
pub struct RestoredDatabase {
    path: PathBuf,
    staging: PathBuf,
    directory_sync: DirectorySync,
    /// Lock of the path, which servers take too.
    _lock: File,
}

impl RestoredDatabase {
    /// Takes the lock of the path, at which there must be no database. The rest of an interrupted restore is removed.
    ///
    /// # Errors
    /// [`OpenError::NotEmpty`], [`OpenError::InUse`], [`OpenError::Files`].
    pub fn begin(path: &Path, directory_sync: &DirectorySync) -> Result<Self, OpenError> {
        let path = resolve(path, directory_sync)?;
        let held = lock(&path, &beside(&path, ".lock"))?;
        require_missing(&path)?;
        let staging = beside(&path, ".restoring");
        let restored = Self { path, staging, directory_sync: directory_sync.clone(), _lock: held };
        restored.remove_files();
        Ok(restored)
    }

    /// File to write the database to.
    #[must_use]
    pub fn staging(&self) -> &Path {
        &self.staging
    }

    /// Migrates the written file to the schema of this build, raises its cursors, and makes it the database. Durable when
    /// this returns.
    ///
    /// # Errors
    /// See [`OpenError`]. There is no database then.
    pub fn complete(self, tell: &mut dyn FnMut(&JumpProgress)) -> Result<JumpOutcome, OpenError> {
        migrate(&self.staging, &self.directory_sync)?;
        // The backup may be one of a restored database: the record of that restore says nothing of this one.
        let outcome =
            jump_cursors(&self.staging, &self.directory_sync, JumpRequest { jump: None, again: true }, tell)?;
        self.require_sound()?;
        self.publish().map_err(|source| OpenError::Files { path: self.path.clone(), source })?;
        Ok(outcome)
    }

    fn require_sound(&self) -> Result<(), OpenError> {
        let db = open_reader(&self.staging)?;
        let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found == "ok" { Ok(()) } else { Err(OpenError::Damaged(found)) }
    }

    /// Moves the file, which its last connection has closed and thereby freed of its log, to its path.
    fn publish(&self) -> io::Result<()> {
        let log = beside(&self.staging, "-wal");
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            return Err(io::Error::other("write-ahead log of the restored database is not empty"));
        }
        File::open(&self.staging)?.sync_all()?;
        fs::rename(&self.staging, &self.path)?;
        self.directory_sync.synchronise_parent(&self.path)
    }

    fn remove_files(&self) {
        for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
            // A file that cannot be removed fails the write that comes next.
            let _ignored = fs::remove_file(beside(&self.staging, suffix));
        }
    }
}

impl Drop for RestoredDatabase {
    fn drop(&mut self) {
        self.remove_files();
    }
}

/// Rejects a path at which there is a database, or the log of one.
///
/// # Errors
/// [`OpenError::NotEmpty`], [`OpenError::Files`].
pub fn require_missing(path: &Path) -> Result<(), OpenError> {
    for found in [path.to_owned(), beside(path, "-wal")] {
        match found.symlink_metadata() {
            Ok(_) => return Err(OpenError::NotEmpty(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(OpenError::Files { path: found, source }),
        }
    }
    Ok(())
}
