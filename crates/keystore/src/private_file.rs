//! Files that only their owner can access.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::directory_sync::synchronise_directory;
use crate::error::KeystoreError;

/// Permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Creates a directory with mode 0700; an existing one must not be accessible by other users.
pub(crate) fn create_directory(path: &Path) -> Result<(), KeystoreError> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(KeystoreError::io("create", path))?;
    check(path)
}

/// Rejects a file or directory that other users can access.
pub(crate) fn check(path: &Path) -> Result<(), KeystoreError> {
    let metadata = std::fs::metadata(path).map_err(KeystoreError::io("read", path))?;
    check_mode(path, &metadata)
}

/// Reads a whole file; `None` when it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, KeystoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(KeystoreError::io("read", path)(error)),
    };
    // The mode of the open file, not of the path, which another process may replace in between.
    let metadata = file.metadata().map_err(KeystoreError::io("read", path))?;
    check_mode(path, &metadata)?;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(KeystoreError::io("read", path))?;
    Ok(Some(text))
}

/// Replaces a file atomically and durably.
pub(crate) fn replace(path: &Path, content: &impl Serialize) -> Result<(), KeystoreError> {
    let write = || -> io::Result<()> {
        let text = Zeroizing::new(serde_json::to_vec_pretty(content)?);
        let path = &target(path)?;
        let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
        // Temporary files are created with mode 0600.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        file.write_all(b"\n")?;
        // The content must be durable before the rename, and the rename before the caller relies on the keys.
        file.as_file().sync_all()?;
        file.persist(path)?;
        synchronise_directory(folder)
    };
    write().map_err(KeystoreError::io("write", path))
}

/// File that a path leads to. A link stays, and its target is replaced; a device, a pipe or a directory is not.
fn target(path: &Path) -> io::Result<PathBuf> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path.to_owned()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let target = path.canonicalize()?;
    if target.metadata()?.is_file() {
        return Ok(target);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"))
}

/// Opens the lock file, creating it with mode 0600.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

fn check_mode(path: &Path, metadata: &Metadata) -> Result<(), KeystoreError> {
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS == 0 { Ok(()) } else { Err(KeystoreError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_special_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe) =
            (folder.path().join("file"), folder.path().join("link"), folder.path().join("pipe"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, &"new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "\"new\"\n");
        let _socket = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        assert!(replace(&pipe, &"new").is_err());
        assert!(pipe.exists() && !pipe.is_file());
    }
}
