//! Errors of the key directory.

use std::io;
use std::path::{Path, PathBuf};

use less_sync_core::SpaceId;

/// Failure to read or write the key directory.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A file or directory that other users can access.
    #[error(
        "{} is accessible by other users (mode {mode:04o}), so its keys may be exposed; if they are not, run: chmod go= {}",
        path.display(),
        path.display()
    )]
    Exposed {
        /// Path of the file or directory.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
    },
    /// A failed operation on a file or directory.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// Verb for the operation, such as "read".
        operation: &'static str,
        /// Path of the file or directory.
        path: PathBuf,
        /// Failure of the operating system.
        source: io::Error,
    },
    /// A file of another version or form.
    #[error("{} is not a valid {content} file of this version", path.display())]
    Invalid {
        /// Path of the file.
        path: PathBuf,
        /// Expected content, such as "identity".
        content: &'static str,
    },
    /// The directory has no shared space.
    #[error("there is no shared space in {}", directory.display())]
    NoSpace {
        /// Path of the key directory.
        directory: PathBuf,
    },
    /// The directory has several shared spaces, and none was named.
    #[error("there are {count} shared spaces in {}, and none was named", directory.display())]
    SeveralSpaces {
        /// Number of shared spaces.
        count: usize,
        /// Path of the key directory.
        directory: PathBuf,
    },
    /// The directory has no keys of the named space.
    #[error("the space {space} is not among the keys in {}", directory.display())]
    UnknownSpace {
        /// Id of the space.
        space: SpaceId,
        /// Path of the key directory.
        directory: PathBuf,
    },
    /// A text that is no exported key.
    #[error("not an exported key of this version")]
    NotAKey,
    /// The space has another key in the directory than the imported one.
    #[error(
        "another key of the space {space} is stored in {}: records under it would become unreadable; move the file away to import \
         the key nevertheless",
        path.display()
    )]
    OtherKey {
        /// Id of the space.
        space: SpaceId,
        /// Path of the stored key.
        path: PathBuf,
    },
}

impl KeystoreError {
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }

    pub(crate) fn invalid(path: &Path, content: &'static str) -> Self {
        Self::Invalid { path: path.to_owned(), content }
    }

    /// Returns whether the user has to name another space or directory, or to repair permissions.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Exposed { .. }
            | Self::NoSpace { .. }
            | Self::SeveralSpaces { .. }
            | Self::UnknownSpace { .. }
            | Self::NotAKey
            | Self::OtherKey { .. } => true,
            Self::Io { .. } | Self::Invalid { .. } => false,
        }
    }
}
