//! Free space of the disk, and the reserve that uploads must leave: the database may be on the same disk (storage §4.8).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Minimum reserve, in bytes.
const MIN_RESERVE: u64 = 1 << 30;

/// Reserve of a large disk: one part in 50, 2 %.
const RESERVE_DIVISOR: u64 = 50;

/// Space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes available to unprivileged processes.
    pub free: u64,
    /// Size of the file system.
    pub total: u64,
}

impl DiskSpace {
    /// Returns true if an object of `size` bytes leaves the reserve: 1 GiB or 2 % of the disk, whichever is more.
    #[must_use]
    pub const fn fits(&self, size: u64) -> bool {
        let share = self.total / RESERVE_DIVISOR;
        let reserve = if share > MIN_RESERVE { share } else { MIN_RESERVE };
        match reserve.checked_add(size) {
            Some(needed) => self.free >= needed,
            None => false,
        }
    }
}

/// Source of the free space of a file system.
pub trait Volume: Send + Sync + fmt::Debug {
    /// The current space. Called once per object, on a thread that may block.
    ///
    /// # Errors
    /// Failures of the file system.
    fn space(&self) -> io::Result<DiskSpace>;
}

/// File system that a directory is on.
#[derive(Debug)]
pub(super) struct Mounted {
    directory: PathBuf,
}

impl Mounted {
    pub(super) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }
}

impl Volume for Mounted {
    fn space(&self) -> io::Result<DiskSpace> {
        let found = rustix::fs::statvfs(&self.directory)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(DiskSpace { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn object_must_leave_a_gibibyte() {
        let space = DiskSpace { free: GIB + 100, total: 10 * GIB };
        assert!(space.fits(100));
        assert!(!space.fits(101));
    }

    #[test]
    fn object_must_leave_two_percent() {
        let space = DiskSpace { free: 20 * GIB + 100, total: 1000 * GIB };
        assert!(space.fits(100));
        assert!(!space.fits(101));
    }

    #[test]
    fn largest_possible_object_never_fits() {
        assert!(!DiskSpace { free: u64::MAX, total: u64::MAX }.fits(u64::MAX));
    }

    #[test]
    fn space_of_a_file_system_is_read() {
        let space = Mounted::at(Path::new("/")).space().unwrap();
        assert!(space.total > 0 && space.free <= space.total);
        assert!(Mounted::at(Path::new("/no such directory")).space().is_err());
    }
}
