//! How much must be left on the disk: the database may be on it too (storage §4.8).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Never less than this.
const AT_LEAST: u64 = 1 << 30;

/// And of a large disk never less than one part in so many, 2 %.
const ONE_IN: u64 = 50;

/// The space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What an ordinary process may still take.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

impl Room {
    /// Whether an object of `size` bytes leaves 1 GiB, and 2 %, for others.
    #[must_use]
    pub const fn has_place_for(&self, size: u64) -> bool {
        let share = self.total / ONE_IN;
        let reserve = if share > AT_LEAST { share } else { AT_LEAST };
        match reserve.checked_add(size) {
            Some(needed) => self.free >= needed,
            None => false,
        }
    }
}

/// Who knows how much space is left.
pub trait Volume: Send + Sync + fmt::Debug {
    /// The space as it is now. Asked once for each object, on a thread that may wait.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn room(&self) -> io::Result<Room>;
}

/// The file system that a directory is on.
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
    fn room(&self) -> io::Result<Room> {
        let found = rustix::fs::statvfs(&self.directory)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Room { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn object_must_leave_a_gibibyte() {
        let room = Room { free: GIB + 100, total: 10 * GIB };
        assert!(room.has_place_for(100));
        assert!(!room.has_place_for(101));
    }

    #[test]
    fn object_must_leave_two_percent() {
        let room = Room { free: 20 * GIB + 100, total: 1000 * GIB };
        assert!(room.has_place_for(100));
        assert!(!room.has_place_for(101));
    }

    #[test]
    fn object_without_end_has_no_place() {
        assert!(!Room { free: u64::MAX, total: u64::MAX }.has_place_for(u64::MAX));
    }

    #[test]
    fn file_system_knows_its_space() {
        let room = Mounted::at(Path::new("/")).room().unwrap();
        assert!(room.total > 0 && room.free <= room.total);
        assert!(Mounted::at(Path::new("/no such directory")).room().is_err());
    }
}
