//! Files of a database: private to their owner, known by one name, and locked by one process.

use std::cell::OnceCell;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use less_sync_disk::{DirectorySync, open_private};

use crate::OpenError;
use crate::file_names::{Identity, alias_of, identity_of};

/// Location of a database file when it was claimed.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    path: PathBuf,
    identity: Identity,
}

impl Location {
    /// Absolute path without symbolic links. SQLite takes a relative one such as `file:sync.db` for a URI.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// False once the path leads to another file or to none: what is written then is lost to the next start.
    pub(crate) fn is_in_place(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|found| identity_of(&found) == self.identity)
    }
}

/// Files of a database that is written: the database and its write-ahead log, which the next start will read.
pub(crate) struct WrittenFiles {
    location: Location,
    log: PathBuf,
    /// Identity of the log after the first commit.
    log_identity: OnceCell<Identity>,
}

impl WrittenFiles {
    pub(crate) fn of(location: &Location) -> Self {
        let log = beside(location.path(), "-wal");
        Self { location: location.clone(), log, log_identity: OnceCell::new() }
    }

    /// Checks after a commit that the files are still at their paths.
    ///
    /// # Errors
    /// [`OpenError::Replaced`]: the next start would not see the commit.
    pub(crate) fn require_in_place(&self) -> Result<(), OpenError> {
        if !self.location.is_in_place() {
            return Err(OpenError::Replaced(self.location.path.clone()));
        }
        let found = self.log.symlink_metadata().map(|found| identity_of(&found));
        match found {
            Ok(found) if *self.log_identity.get_or_init(|| found) == found => Ok(()),
            _ => Err(OpenError::Replaced(self.log.clone())),
        }
    }
}

/// A database file that this process has to itself until the value is dropped.
///
/// Two locks: one on a file beside the database, which all builds of less-sync take, and one on the database file
/// itself, which holds under every name that the file has or gets later.
pub(crate) struct DatabaseFile {
    location: Location,
    database: File,
    _beside: File,
}

impl DatabaseFile {
    /// Creates missing files durably and takes the locks.
    ///
    /// Opens the database file at most once, and only while it has the lock beside it: POSIX locks belong to the process
    /// and end when any descriptor of the file is closed, so a second descriptor would drop the locks that SQLite holds.
    pub(crate) fn claim(path: &Path, sync: &DirectorySync) -> Result<Self, OpenError> {
        let path = resolve(path, sync)?;
        let beside = lock(&path, &beside(&path, ".lock"))?;
        let files = |source| OpenError::Files { path: path.clone(), source };
        make_private_file(&path).map_err(files)?;
        // Also if the file existed: its creator may have been killed. SQLite ignores a failure to do this for its log.
        sync.synchronise_parent(&path).map_err(files)?;
        if let Some(alias) = alias_of(&path).map_err(files)? {
            return Err(OpenError::Alias { path, alias });
        }
        let database = lock_database(&path)?;
        let identity = identity_of(&database.metadata().map_err(files)?);
        let location = Location { path, identity };
        if !location.is_in_place() {
            return Err(OpenError::Replaced(location.path));
        }
        Ok(Self { location, database, _beside: beside })
    }

    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// Waits until everything written to the database file so far is on the disk, whichever descriptor it was written by. A failure
    /// is reported to SQLite as well, when it synchronises its own descriptor.
    pub(crate) fn synchronise(&self) -> io::Result<()> {
        self.database.sync_data()
    }
}

/// Makes the directory, and spells the path in the one way that leads to it without symbolic links.
pub(crate) fn resolve(path: &Path, sync: &DirectorySync) -> Result<PathBuf, OpenError> {
    let files = |source| OpenError::Files { path: path.to_owned(), source };
    let Some(name) = path.file_name() else {
        return Err(files(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file")));
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match sync.create(parent) {
        Ok(directory) => Ok(directory.join(name)),
        Err(source) => Err(OpenError::Files { path: parent.to_owned(), source }),
    }
}

pub(crate) fn lock(database: &Path, name: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Files { path: name.to_owned(), source };
    let file = open_private(name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(database.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(target_os = "linux")]
fn lock_database(path: &Path) -> Result<File, OpenError> {
    lock(path, path)
}

/// Elsewhere this lock would conflict with the byte-range locks that SQLite takes on the same file.
#[cfg(not(target_os = "linux"))]
fn lock_database(path: &Path) -> Result<File, OpenError> {
    open_private(path).map_err(|source| OpenError::Files { path: path.to_owned(), source })
}

/// The name of a file that belongs to the database: its path with `suffix` appended.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates the database file unless it exists. SQLite gives `-wal` and `-shm` the permissions of this one.
fn make_private_file(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => open_private(path).map(drop),
        Err(error) => Err(error),
    }
}
