//! Reserve of the disk: pushes and appends end before the disk is full, so that deletions and revocations still fit
//! (storage §8).

use std::sync::Arc;

use less_sync_storage::Volume;
use parking_lot::Mutex;

use crate::error::ReadOnlyFileSystem;

/// Weight of operations between two looks at the disk, in bytes; far below the reserve.
const INTERVAL: usize = 1024 * 1024;

/// Reserve of the disk that the database is on.
#[derive(Debug)]
pub(crate) struct DiskReserve {
    volume: Arc<dyn Volume>,
    /// Weight that may be written before the next look at the disk; zero while the reserve is reached.
    left: Mutex<usize>,
}

impl DiskReserve {
    pub(crate) fn new(volume: Arc<dyn Volume>) -> Self {
        Self { volume, left: Mutex::new(0) }
    }

    /// Fails if nothing can be written to the file system. Blocks for a system call. An unreadable state counts as writable.
    pub(crate) fn require_writable(&self) -> Result<(), ReadOnlyFileSystem> {
        if self.volume.is_read_only().unwrap_or(false) { Err(ReadOnlyFileSystem) } else { Ok(()) }
    }

    /// Returns true if an operation of this weight may be written. A disk whose space cannot be read counts as not full.
    pub(crate) fn admits(&self, weight: usize) -> bool {
        let mut left = self.left.lock();
        if weight < *left {
            *left -= weight;
            return true;
        }
        let takes_records = match self.volume.space() {
            Ok(space) => space.takes_records(),
            Err(error) => {
                tracing::warn!(%error, "failed to read the free space of the disk");
                true
            }
        };
        *left = if takes_records { INTERVAL } else { 0 };
        takes_records
    }
}
