//! Free space of the disk that a directory is on: the database may be on the same disk (storage §4.8).

use std::io;
use std::path::{Path, PathBuf};

use less_sync_storage::{DiskSpace, Volume};

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

    #[test]
    fn space_of_a_file_system_is_read() {
        let space = Mounted::at(Path::new("/")).space().unwrap();
        assert!(space.total > 0 && space.free <= space.total);
        assert!(Mounted::at(Path::new("/no such directory")).space().is_err());
    }
}
