//! Private files with a JSON document: read as a whole, replaced as a whole.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use less_sync_disk::{DirectorySync, replace_private};
use serde::Serialize;
use zeroize::Zeroizing;

/// Permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Maximum size of a file, in bytes: about 50 000 users.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Failure to read or write a file of the issuer.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write` or `lock`.
        action: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Other users can access the file.
    #[error("{} is accessible by other users (mode {mode:o}): chmod 600", path.display())]
    Exposed {
        /// Path of the file.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
    },
    /// The content is not a valid document.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// Path of the file.
        path: PathBuf,
        /// First mistake, with its place; never a secret.
        reason: String,
    },
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Version of a file: two versions of one path differ in at least one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            bytes: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }

    /// Version of the file at `path`; `None` without one.
    pub(crate) fn at(path: &Path) -> Result<Option<Self>, FileError> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::io("read", path)(error)),
        }
    }
}

/// Reads a file and its version; `None` without one.
pub(crate) fn read(path: &Path) -> Result<Option<(Zeroizing<String>, Stamp)>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("read", path)(error)),
    };
    // Of the open file, not of the path, which may be replaced in between.
    let metadata = file.metadata().map_err(FileError::io("read", path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(FileError::Exposed { path: path.to_owned(), mode });
    }
    if metadata.len() > MAX_BYTES {
        return Err(FileError::Invalid { path: path.to_owned(), reason: "larger than 16 MiB".to_owned() });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(FileError::io("read", path))?;
    Ok(Some((text, Stamp::of(&metadata))))
}

/// Replaces a file atomically and durably.
pub(crate) fn replace(path: &Path, document: &impl Serialize, sync: &DirectorySync) -> Result<(), FileError> {
    let write = || {
        let mut text = Zeroizing::new(serde_json::to_vec_pretty(document)?);
        text.push(b'\n');
        replace_private(path, &text, sync)
    };
    write().map_err(FileError::io("write", path))
}
