//! Adapter: composition, open, checkpoint and close.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use less_sync_metrics::{Counter, Registry};
use less_sync_storage::{MountedVolume, PoolState, Quotas, StorageError, Volume};

use crate::connection::open_writer;
use crate::database_file::{DatabaseFile, Location, beside};
use crate::disk_reserve::DiskReserve;
use crate::error::unavailable;
use crate::pull::PageLimits;
use crate::readers::Readers;
use crate::writer::{Checkpoint, Connections, Writer};
use crate::{OpenError, SqliteOptions, cursor_jump, migrate};

/// Size of the log, in bytes, above which a checkpoint logs a warning.
const LARGE_LOG_BYTES: u64 = 256 * 1024 * 1024;

/// SQLite storage adapter: one database file.
///
/// Cheap to share behind an `Arc`. When it is dropped the writer finishes what has queued, empties the log and
/// closes the file in its own time; [`SqliteStorage::close`] does the same and waits for it.
pub struct SqliteStorage {
    pub(crate) writer: Writer,
    pub(crate) readers: Arc<Readers>,
    pub(crate) pages: PageLimits,
    pub(crate) reserve: Arc<DiskReserve>,
    pub(crate) quotas: Quotas,
    location: Location,
    options: SqliteOptions,
}

impl SqliteStorage {
    /// Opens the database, making and migrating it as needed. Blocks for some milliseconds.
    ///
    /// # Errors
    /// See [`OpenError`]; in particular a database that another process has open, that a later build wrote, or
    /// whose settings could not be made safe.
    pub fn open(options: SqliteOptions) -> Result<Self, OpenError> {
        let file = DatabaseFile::claim(&options.path, &options.directory_sync)?;
        let location = file.location().clone();
        let mut connection = open_writer(location.path(), options.max_pages)?;
        migrate::run(&mut connection)?;
        cursor_jump::require_complete(&connection)?;
        let checkpoints = open_writer(location.path(), options.max_pages)?;
        let connections = Connections { writer: connection, checkpoints };
        let writer = Writer::start(connections, file, options.queue).map_err(OpenError::Thread)?;
        let readers = Arc::new(Readers::open(location.path().to_owned(), options.readers)?);
        let pages = PageLimits { rows: options.page_rows.max(1), bytes: options.page_bytes.max(1) };
        let mounted = || -> Arc<dyn Volume> { Arc::new(MountedVolume::of(location.path())) };
        let reserve = Arc::new(DiskReserve::new(options.volume.clone().unwrap_or_else(mounted)));
        let quotas = options.quotas;
        Ok(Self { writer, readers, pages, reserve, quotas, location, options })
    }

    /// The database file, as an absolute path without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.location.path()
    }

    /// Registers the metrics of the adapter.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let waits = [(["read"], self.readers.waits().clone())];
        registry.family("db_pool_wait_seconds", "waits for a database connection", ["class"], waits);
        // A single writer loses no races; the series exist so that dashboards fit both adapters.
        let retries = ["serialization", "deadlock"].map(|reason| ([reason], Counter::<u64>::default()));
        let help = "transactions repeated after they lost a race in the database";
        registry.family("storage_tx_retries_total", help, ["reason"], retries);
    }

    /// Use of the read connections. Writes have one connection of their own, which is not counted.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        self.readers.state()
    }

    /// Moves what the log holds into the database file as far as readers allow, releases the memory of idle readers,
    /// and warns when the log has grown large. Meant to be called every 60 s; a thread beside the writer also does it
    /// whenever the log has grown by 1000 pages.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`], [`StorageError::Database`]; nothing is lost, the log just stays longer. If the
    /// database file was moved, deleted or replaced, the adapter closes: the next start would not see further writes.
    pub async fn checkpoint(&self) -> Result<Checkpoint, StorageError> {
        if !self.location.is_in_place() {
            self.close().await;
            return Err(unavailable(OpenError::Replaced(self.path().to_owned())));
        }
        let done = self.writer.checkpoint().await?;
        self.readers.release_idle();
        let log_bytes = beside(self.path(), "-wal").metadata().map_or(0, |log| log.len());
        if log_bytes > LARGE_LOG_BYTES {
            tracing::warn!(log_bytes, "write-ahead log is large");
        }
        Ok(done)
    }

    /// Finishes what has queued, empties the log, closes the file and gives up its lock. Operations after that fail
    /// as `Unavailable`; another close does nothing.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").field("options", &self.options).finish_non_exhaustive()
    }
}
