//! Reader pool: a few read-only connections, opened at start and kept, so that reads need no free file descriptor.

use std::path::PathBuf;
use std::sync::Arc;

use less_sync_storage::StorageError;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::connection::open_reader;
use crate::error::{Closed, database, storage_error};

/// Read connections. Callers beyond their number wait in a fair queue, and leave it by being dropped.
pub(crate) struct Readers {
    path: PathBuf,
    slots: Arc<Semaphore>,
    count: u32,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens `count` connections, 1 to 64.
    pub(crate) fn open(path: PathBuf, count: usize) -> rusqlite::Result<Self> {
        let count = u32::try_from(count).unwrap_or(u32::MAX).clamp(1, 64);
        let slots = Arc::new(Semaphore::new(count as usize));
        let idle: Vec<_> = (0..count).map(|_| open_reader(&path)).collect::<Result<_, _>>()?;
        Ok(Self { path, slots, count, idle: Mutex::new(idle) })
    }

    /// Runs `work` on a connection, on a thread that may block. A caller that stops waiting does not stop work
    /// that has begun, but that is one page at most and then the connection is free again.
    pub(crate) async fn read<T, R, F>(self: &Arc<Self>, work: F) -> Result<T, StorageError<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError<R>> + Send + 'static,
    {
        // The slot moves into the blocking task, so a cancelled caller does not free it before the read has ended.
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Closed)?;
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let result = readers.read_now(work);
            drop(slot);
            result
        });
        reading.await.map_err(database)?
    }

    /// The same, with everything that `work` reads from one moment.
    pub(crate) async fn snapshot<T, R, F>(self: &Arc<Self>, work: F) -> Result<T, StorageError<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError<R>> + Send + 'static,
    {
        self.read(|db| {
            let snapshot = db.unchecked_transaction().map_err(storage_error)?;
            work(&snapshot)
        })
        .await
    }

    /// Runs `work` on an idle connection. One whose read failed is replaced, since the state of a new one is known; it is kept
    /// where no new one can be opened, for instance without a free file descriptor.
    fn read_now<T, R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError<R>>,
    ) -> Result<T, StorageError<R>> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            // Only after a panic of a read.
            None => open_reader(&self.path).map_err(storage_error)?,
        };
        let result = work(&connection);
        let failed = result.as_ref().is_err_and(StorageError::is_failure);
        let fresh = if failed { open_reader(&self.path).ok() } else { None };
        self.idle.lock().push(fresh.unwrap_or(connection));
        result
    }

    /// Releases the page caches of idle connections but one.
    pub(crate) fn release_idle(&self) {
        for connection in self.idle.lock().iter().skip(1) {
            if let Err(error) = connection.release_memory() {
                tracing::debug!(%error, "failed to release the page cache of a reader");
            }
        }
    }

    /// Waits for running reads and rejects all further ones.
    pub(crate) async fn close(&self) {
        if let Ok(all) = self.slots.acquire_many(self.count).await {
            self.slots.close();
            drop(all);
        }
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::connection::open_writer;

    async fn read(readers: &Arc<Readers>, sql: &'static str) -> Result<i64, StorageError<Infallible>> {
        readers.read(move |db| db.query_row(sql, [], |row| row.get(0)).map_err(storage_error)).await
    }

    /// A server whose connections have taken all file descriptors still reads.
    #[tokio::test]
    async fn reads_open_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("less-sync.db");
        let writer = open_writer(&path, None).unwrap();
        writer.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (7)").unwrap();
        let readers = Arc::new(Readers::open(path.clone(), 2).unwrap());
        std::fs::remove_file(&path).unwrap();
        for _ in 0..3 {
            assert!(read(&readers, "SELECT x FROM missing").await.is_err());
            readers.release_idle();
            assert_eq!(read(&readers, "SELECT x FROM t").await.unwrap(), 7);
        }
        assert_eq!(readers.idle.lock().len(), 2);
        readers.close().await;
    }
}
