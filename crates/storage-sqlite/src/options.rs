//! Options of the embedded database.

use std::path::PathBuf;
use std::sync::Arc;

use less_sync_disk::DirectorySync;
use less_sync_storage::{Quotas, Volume};

/// Path and limits of an embedded database.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Path of the database file; `-wal`, `-shm` and `.lock` are created beside it. Not on a network file system.
    pub path: PathBuf,
    /// Rows of one page of a pull (`PULL_PAGE_ROWS`).
    pub page_rows: usize,
    /// Blob bytes after which a page of a pull ends (`PULL_PAGE_BYTES`); its last row may exceed them.
    pub page_bytes: usize,
    /// Read connections, opened at start and kept; 1 to 64.
    pub readers: usize,
    /// Writes that may wait for the writer thread; further ones are rejected as `Unavailable`. An entry is a pointer, and
    /// its operation exists anyway as long as its caller waits: the default is far beyond what a server can have waiting.
    pub queue: usize,
    /// Bound of the database file in pages of 4096 bytes; writes beyond it fail as on a full disk. `None`: none.
    pub max_pages: Option<u32>,
    /// Quotas of stored bytes (`MAX_SPACE_BYTES`, `MAX_USER_BYTES`). Default: unlimited.
    pub quotas: Quotas,
    /// Source of the free space of the disk. `None`: the file system of the database file.
    pub volume: Option<Arc<dyn Volume>>,
    /// Synchronisation of the directory of the database, and the policy for file systems without it. SQLite synchronises the
    /// directory of its log by itself and ignores failures, so the adapter checks the directory when it opens the database.
    pub directory_sync: DirectorySync,
}

impl SqliteOptions {
    /// The defaults, for the database at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            page_rows: 512,
            page_bytes: 512 * 1024,
            readers: 4,
            queue: 65_536,
            max_pages: None,
            quotas: Quotas::default(),
            volume: None,
            directory_sync: DirectorySync::required(),
        }
    }
}
