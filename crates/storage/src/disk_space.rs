//! Free space of the disk of a store, and the reserves that writes must leave (storage §4.8, §8).

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Minimum reserve, in bytes.
const MIN_RESERVE: u64 = 1 << 30;

/// Reserve of a large disk: one part in 50, 2 %.
const RESERVE_DIVISOR: u64 = 50;

/// Maximum share of a disk that is its reserve for records: one part in 10.
const SMALL_DISK_DIVISOR: u64 = 10;

/// Space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes available to unprivileged processes.
    pub free: u64,
    /// Size of the file system; 0 if unknown, as on ramfs and some file systems in user space.
    pub total: u64,
}

impl DiskSpace {
    /// Returns true if an object of `size` bytes leaves the reserve: 1 GiB or 2 % of the disk, whichever is more. Always
    /// true on file systems that report no size, which know nothing of free space either.
    #[must_use]
    pub const fn fits(&self, size: u64) -> bool {
        if self.total == 0 {
            return true;
        }
        match self.reserve().checked_add(size) {
            Some(needed) => self.free >= needed,
            None => false,
        }
    }

    /// Returns true if records may be written: the free space is not below the reserve, or below a tenth of a disk that is
    /// smaller than ten times the reserve.
    #[must_use]
    pub const fn takes_records(&self) -> bool {
        let (reserve, share) = (self.reserve(), self.total / SMALL_DISK_DIVISOR);
        self.free >= if share < reserve { share } else { reserve }
    }

    /// Space that objects must leave free, in bytes.
    #[must_use]
    pub const fn reserve(&self) -> u64 {
        let share = self.total / RESERVE_DIVISOR;
        if share > MIN_RESERVE { share } else { MIN_RESERVE }
    }
}

/// Source of the free space of a file system.
pub trait Volume: Send + Sync + fmt::Debug {
    /// Reads the current space, on a thread that may block.
    ///
    /// # Errors
    /// Failures of the file system.
    fn space(&self) -> io::Result<DiskSpace>;

    /// Returns true if nothing can be written to the file system, as on a mount that the kernel has made read-only after an error.
    /// Reads no disk. Default: false.
    ///
    /// # Errors
    /// Failures of the file system.
    fn is_read_only(&self) -> io::Result<bool> {
        Ok(false)
    }
}

/// File system that a file or directory is on.
#[derive(Debug)]
pub struct MountedVolume {
    path: PathBuf,
}

impl MountedVolume {
    /// The file system that `path` is on at the time of each reading.
    #[must_use]
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Volume for MountedVolume {
    fn space(&self) -> io::Result<DiskSpace> {
        let found = rustix::fs::statvfs(&self.path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(DiskSpace { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }

    fn is_read_only(&self) -> io::Result<bool> {
        let found = rustix::fs::statvfs(&self.path)?;
        if found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
            return Ok(true);
        }
        let device = rustix::fs::stat(&self.path)?.st_dev;
        let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
        // Not on every system.
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Ok(is_emergency(&mounts, &device))
    }
}

/// True if the file system on `device` rejects writes after an error. ext4 of later kernels shows this by an option of the file
/// system alone, and goes on to report that it is mounted for writing. `mounts`: in the format of `/proc/self/mountinfo`.
fn is_emergency(mounts: &str, device: &str) -> bool {
    let of_device = mounts.lines().filter(|line| line.split(' ').nth(2) == Some(device));
    let options = of_device.filter_map(|line| line.split_once(" - ")?.1.split(' ').nth(2));
    options.flat_map(|options| options.split(',')).any(|option| option == "emergency_ro")
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
    fn unknown_size_is_not_a_full_disk() {
        let unknown = DiskSpace { free: 0, total: 0 };
        assert!(unknown.fits(0) && unknown.fits(5 * GIB) && unknown.takes_records());
        let full = DiskSpace { free: 0, total: 10 * GIB };
        assert!(!full.fits(0) && !full.takes_records());
    }

    #[test]
    fn space_of_a_file_system_is_read() {
        let space = MountedVolume::of("/").space().unwrap();
        assert!(space.total > 0 && space.free <= space.total);
        let missing = MountedVolume::of("/no such directory");
        assert!(missing.space().is_err() && missing.is_read_only().is_err());
    }

    #[test]
    fn file_system_after_an_error_is_read_only() {
        assert!(!MountedVolume::of("/proc/self").is_read_only().unwrap());
        let mounts = "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/root rw,errors=remount-ro,emergency_ro\n\
            37 35 98:1 / /srv rw - ext4 /dev/emergency_ro rw,errors=continue\n38 35 98:2";
        assert!(is_emergency(mounts, "98:0"));
        assert!(!["98:1", "98:2", "98:3", ""].iter().any(|device| is_emergency(mounts, device)));
    }

    #[test]
    fn largest_possible_object_never_fits() {
        assert!(!DiskSpace { free: u64::MAX, total: u64::MAX }.fits(u64::MAX));
    }

    #[test]
    fn records_must_leave_the_reserve_or_a_tenth_of_a_small_disk() {
        let takes = |free, total| DiskSpace { free, total }.takes_records();
        assert!(takes(20 * GIB, 1000 * GIB) && !takes(20 * GIB - 1, 1000 * GIB));
        assert!(takes(GIB, 20 * GIB) && !takes(GIB - 1, 20 * GIB));
        assert!(takes(GIB / 10, GIB) && !takes(GIB / 10 - 1, GIB));
    }
}
