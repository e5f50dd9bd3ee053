//! Files that only their owner can access.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use less_sync_disk::{DirectorySync, replace_private};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::KeystoreError;

/// Permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Creates a directory with mode 0700, durably; an existing one must not be accessible by other users.
pub(crate) fn create_directory(path: &Path, sync: &DirectorySync) -> Result<(), KeystoreError> {
    sync.create(path).map_err(KeystoreError::io("create", path))?;
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
pub(crate) fn replace(
    path: &Path,
    content: &impl Serialize,
    sync: &DirectorySync,
) -> Result<(), KeystoreError> {
    let write = || -> io::Result<()> {
        let mut text = Zeroizing::new(serde_json::to_vec_pretty(content)?);
        text.push(b'\n');
        replace_private(path, &text, sync)
    };
    write().map_err(KeystoreError::io("write", path))
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
        let sync = DirectorySync::required();
        replace(&link, &"new", &sync).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "\"new\"\n");
        let _socket = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        assert!(replace(&pipe, &"new", &sync).is_err());
        assert!(pipe.exists() && !pipe.is_file());
    }
}
