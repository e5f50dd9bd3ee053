//! Reader pool: a few read-only connections, opened at start and kept, so that reads need no free file descriptor.

use std::path::PathBuf;
use std::sync::Arc;

use less_sync_metrics::Histogram;
use less_sync_storage::{FairSemaphore, Flow, PoolState, StorageError};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::time::Instant;

use crate::connection::open_reader;
use crate::error::{Closed, database, storage_error};

/// Read connections, shared fairly by users: the reads of one flow never occupy all of them while another flow waits.
/// Callers leave the queue by being dropped.
pub(crate) struct Readers {
    path: PathBuf,
    places: FairSemaphore,
    idle: Mutex<Vec<Connection>>,
    /// Waits for a connection.
    waits: Histogram,
}

impl Readers {
    /// Opens `count` connections, 1 to 64.
    pub(crate) fn open(path: PathBuf, count: usize) -> rusqlite::Result<Self> {
        let count = count.clamp(1, 64);
        let idle: Vec<_> = (0..count).map(|_| open_reader(&path)).collect::<Result<_, _>>()?;
        Ok(Self {
            path,
            places: FairSemaphore::new(count),
            idle: Mutex::new(idle),
            waits: Histogram::of_durations(),
        })
    }

    /// Runs `work` in the turn of `flow` on a connection, on a thread that may block. A caller that stops waiting does not
    /// stop work that has begun, but that is one page at most and then the connection is free again.
    pub(crate) async fn read<T, R, F>(self: &Arc<Self>, flow: Flow, work: F) -> Result<T, StorageError<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError<R>> + Send + 'static,
    {
        // The place moves into the blocking task, so a cancelled caller does not free it before the read has ended.
        let started = Instant::now();
        let place = self.places.acquire(flow).await.map_err(|_| Closed)?;
        self.waits.observe(started.elapsed());
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let result = readers.read_now(work);
            drop(place);
            result
        });
        reading.await.map_err(database)?
    }

    /// The same, with everything that `work` reads from one moment.
    pub(crate) async fn snapshot<T, R, F>(self: &Arc<Self>, flow: Flow, work: F) -> Result<T, StorageError<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError<R>> + Send + 'static,
    {
        self.read(flow, |db| {
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

    pub(crate) fn waits(&self) -> &Histogram {
        &self.waits
    }

    /// Use of the connections.
    pub(crate) fn state(&self) -> PoolState {
        let (used, waiting) = self.places.in_use();
        PoolState { idle: self.idle.lock().len(), used, waiting }
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
        self.places.close().await;
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::mpsc;

    use super::*;
    use crate::connection::open_writer;

    async fn read(readers: &Arc<Readers>, sql: &'static str) -> Result<i64, StorageError<Infallible>> {
        readers
            .read(Flow::SERVER, move |db| db.query_row(sql, [], |row| row.get(0)).map_err(storage_error))
            .await
    }

    /// A server whose connections have taken all file descriptors still reads.
    #[tokio::test]
    async fn reads_open_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("less-sync.db");
        std::fs::File::create(&path).unwrap();
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

    /// Returns while the reads of another flow, which never end by themselves, are under way and wait.
    #[tokio::test]
    async fn user_with_many_reads_leaves_a_reader_to_others() {
        let file = tempfile::NamedTempFile::new().unwrap();
        Connection::open(file.path()).unwrap().execute_batch("CREATE TABLE numbers (number)").unwrap();
        let readers = Arc::new(Readers::open(file.path().to_owned(), 4).unwrap());
        let (started, has_started) = mpsc::channel();
        let (mut held, mut reads) = (Vec::new(), tokio::task::JoinSet::new());
        for _ in 0..20 {
            let (release, released) = mpsc::channel::<()>();
            let (readers, started) = (Arc::clone(&readers), started.clone());
            held.push(release);
            reads.spawn(async move {
                let block = move |_: &Connection| {
                    started.send(()).map_err(database)?;
                    // An error means that the test is over.
                    let _ = released.recv();
                    Ok(())
                };
                readers.read::<(), Infallible, _>(Flow::new(1), block).await
            });
        }
        let occupied = tokio::task::spawn_blocking(move || {
            assert_eq!(has_started.iter().take(3).count(), 3);
            has_started
        });
        let _has_started = occupied.await.unwrap();
        let count = |db: &Connection| {
            db.query_row("SELECT count(*) FROM numbers", [], |row| row.get::<_, i64>(0))
                .map_err(storage_error)
        };
        let others = readers.read::<_, Infallible, _>(Flow::new(2), count).await;
        assert_eq!(others.unwrap(), 0);
        drop(held);
        while let Some(read) = reads.join_next().await {
            read.unwrap().unwrap();
        }
        readers.close().await;
        let rejected = readers.read::<_, Infallible, _>(Flow::new(2), count).await;
        assert!(matches!(rejected, Err(StorageError::Unavailable(_))));
    }
}
