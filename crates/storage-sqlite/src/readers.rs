//! Reader pool: a few read-only connections, opened on demand, none held between two calls.

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
    pub(crate) fn new(path: PathBuf, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX).clamp(1, 64);
        let slots = Arc::new(Semaphore::new(count as usize));
        Self { path, slots, count, idle: Mutex::default() }
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

    /// Runs `work` on an idle or new connection. A connection whose read failed is dropped: a new one is cheap, and its
    /// state is known.
    fn read_now<T, R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError<R>>,
    ) -> Result<T, StorageError<R>> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.path).map_err(storage_error)?,
        };
        let result = work(&connection);
        if !result.as_ref().is_err_and(StorageError::is_failure) {
            self.idle.lock().push(connection);
        }
        result
    }

    /// Closes all idle connections but one, to release their memory.
    pub(crate) fn release_idle(&self) {
        let surplus = {
            let mut idle = self.idle.lock();
            let keep = idle.len().min(1);
            idle.split_off(keep)
        };
        drop(surplus);
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
