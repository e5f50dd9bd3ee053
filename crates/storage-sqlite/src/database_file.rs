//! Files of a database: private to their owner, and locked by one process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::OpenError;

/// Creates missing files and takes the lock of the database, which is held until the returned file is dropped.
///
/// The lock is a file of its own: POSIX locks belong to the process and end when any descriptor of the file is closed, so
/// opening and closing the database file beside SQLite would drop the locks that SQLite holds on it.
pub(crate) fn claim(path: &Path) -> Result<File, OpenError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_directory(parent).map_err(|source| OpenError::Files { path: parent.to_owned(), source })?;
    }
    let lock = lock(path)?;
    make_private_file(path).map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
    Ok(lock)
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let name = beside(path, ".lock");
    let file = open_private(&name).map_err(|source| OpenError::Files { path: name.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Files { path: name, source }),
    }
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

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
