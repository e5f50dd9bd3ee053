//! Names of a database file: exactly one, in a directory that also holds its log and its lock.
//!
//! SQLite derives the name of the write-ahead log from the name of the database. Under a second name the log is missed,
//! and with it everything that was committed since the last checkpoint.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::Path;

/// Kind of a second name of a database file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alias {
    /// The path is a symbolic link to the file.
    SymbolicLink,
    /// The file has several directory entries.
    HardLinks(u64),
    /// The file alone is mounted at the path, as by a bind mount or a `subPath` volume of a container.
    MountPoint,
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SymbolicLink => f.write_str("a symbolic link; set the path of the file that it points to"),
            Self::HardLinks(count) => write!(f, "one of {count} hard links to a file; keep one name only"),
            Self::MountPoint => f.write_str("a mount point; mount its directory instead of the file"),
        }
    }
}

/// Finds the second name of a regular file, if it has one. Does not open the file.
pub(crate) fn alias_of(path: &Path) -> io::Result<Option<Alias>> {
    let found = path.symlink_metadata()?;
    if found.is_symlink() {
        return Ok(Some(Alias::SymbolicLink));
    }
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if is_mount_point(path)? {
        return Ok(Some(Alias::MountPoint));
    }
    Ok(Some(names_of(&found)).filter(|names| *names > 1).map(Alias::HardLinks))
}

/// Device and inode number.
#[cfg(unix)]
pub(crate) type Identity = (u64, u64);

#[cfg(unix)]
pub(crate) fn identity_of(found: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

#[cfg(unix)]
fn names_of(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(found)
}

/// Files have no identity that the standard library could read.
#[cfg(not(unix))]
pub(crate) type Identity = ();

#[cfg(not(unix))]
pub(crate) fn identity_of(_found: &Metadata) -> Identity {}

#[cfg(not(unix))]
fn names_of(_found: &Metadata) -> u64 {
    1
}

#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> io::Result<bool> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)?;
    // Kernels before 5.8 do not report it; a mount from another file system still shows by its device.
    if found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) {
        return Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    }
    let device = |path: &Path| path.symlink_metadata().map(|found| identity_of(&found).0);
    Ok(device(path)? != device(path.parent().unwrap_or(path))?)
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_told_from_other_paths() {
        let directory = tempfile::tempdir().unwrap();
        assert!(is_mount_point(Path::new("/proc")).unwrap());
        assert!(!is_mount_point(Path::new("/proc/1")).unwrap());
        assert!(!is_mount_point(directory.path()).unwrap());
    }
}
