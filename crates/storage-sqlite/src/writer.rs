//! Write side: one writer thread, which owns the only connection that writes.
//!
//! The thread runs what is queued as one transaction, commits, and only then resolves the outcomes (natural batching). There
//! are no timers: an idle database adds no latency, a busy one pays one `fsync` for many writes. Users take turns by the
//! weight of their operations, and a heavy operation has a transaction of its own (see `schedule`).
//!
//! An operation decides before it writes, so a rejected one (a conflict, say) has written nothing and does not touch
//! its neighbours. If one fails while it writes, by a constraint for example, all operations of the transaction run again with a
//! savepoint each, and what the failing one wrote is rolled back to its savepoint. If the database itself fails, every operation
//! runs again by itself.

mod checkpoint;
mod checkpointer;
mod load;
mod operation;
mod queue;
mod schedule;
mod thread;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use less_sync_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::checkpointer::Checkpointer;
use self::operation::Write;
use self::queue::Queue;
use self::thread::WriterThread;
use crate::database_file::{DatabaseFile, WrittenFiles};
use crate::error::{Closed, storage_error};

pub use self::checkpoint::Checkpoint;
pub(crate) use self::load::Load;

/// Log bytes of a probe.
const PROBE_BYTES: usize = 4096;

/// Connections that [`Writer::start`] takes.
pub(crate) struct Connections {
    /// The only connection that writes.
    pub(crate) writer: Connection,
    /// Connection for checkpoints.
    pub(crate) checkpoints: Connection,
}

/// Sending end of the queue of the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: Arc<SendingEnd>,
    is_failing: Arc<AtomicBool>,
}

/// Closes the queue when the last writer is dropped; the thread finishes what is queued.
struct SendingEnd(Arc<Queue>);

impl Drop for SendingEnd {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

impl Writer {
    /// Starts the thread, and one that makes checkpoints on a connection of its own. `file` is held until both connections are
    /// closed.
    pub(crate) fn start(connections: Connections, file: DatabaseFile, queue: usize) -> io::Result<Self> {
        let (queue, file) = (Arc::new(Queue::new(queue)), Arc::new(file));
        let checkpointer = Checkpointer::start(connections.checkpoints, Arc::clone(&file))?;
        let files = WrittenFiles::of(file.location());
        let is_failing = Arc::<AtomicBool>::default();
        let state = (Arc::clone(&queue), Arc::clone(&is_failing));
        let thread = WriterThread::new(connections.writer, checkpointer, state, files);
        std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || thread.run(file))?;
        Ok(Self { queue: Arc::new(SendingEnd(queue)), is_failing })
    }

    /// Runs `run` in a write transaction; returns when that is durable. `run` may be
    /// called twice, and must not have written anything when it returns an error other than `Database` or
    /// `Unavailable`.
    ///
    /// A caller that is dropped before the writer begins has withdrawn its operation; after that it may or may not
    /// take effect.
    pub(crate) async fn write<T, R, F>(&self, load: impl Into<Load>, run: F) -> Result<T, StorageError<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StorageError<R>> + Send + 'static,
    {
        self.submit(load.into(), run).await
    }

    /// As [`Writer::write`], with the place in the queue taken before this returns: operations on one space run in the order
    /// of the calls. The outcome is the future.
    pub(crate) fn submit<T, R, F>(
        &self,
        load: Load,
        run: F,
    ) -> impl Future<Output = Result<T, StorageError<R>>> + Send + use<T, R, F>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StorageError<R>> + Send + 'static,
    {
        let (write, outcome) = Write::new(run);
        let queued = self.queue.0.submit(load, Box::new(write));
        async move {
            queued?;
            outcome.await.map_err(|_| Closed)?
        }
    }

    /// Moves what the log holds into the database file, as far as readers allow.
    pub(crate) async fn checkpoint(&self) -> Result<Checkpoint, StorageError> {
        let (reply, outcome) = oneshot::channel();
        self.queue.0.checkpoint(reply)?;
        outcome.await.map_err(|_| Closed)?
    }

    /// Finishes everything that is queued, empties the log and closes the database.
    pub(crate) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        self.queue.0.close(Some(reply));
        // An error means that the thread has ended, which is the goal.
        drop(closed.await);
    }

    /// True if the disk or the file system has rejected a transaction since the last successful [`Writer::probe`].
    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Writes a page as it is, durably.
    pub(crate) async fn probe(&self) -> Result<(), StorageError> {
        self.write(PROBE_BYTES, rewrite).await?;
        self.is_failing.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// True if no more operations are accepted: closed, or the thread has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.0.is_closed()
    }
}

/// The version is in the first page, and used for nothing else.
fn rewrite(db: &Connection) -> Result<(), StorageError> {
    let version: i64 =
        db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(storage_error)?;
    db.pragma_update(None, "user_version", version).map_err(storage_error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc as blocking;

    use less_sync_disk::DirectorySync;
    use tempfile::NamedTempFile;
    use tokio::task::JoinSet;

    use super::*;
    use crate::connection::open_writer;
    use crate::error::database;

    /// A writer over a table of numbers, and the file it is in.
    fn start() -> (Writer, NamedTempFile) {
        let file = NamedTempFile::new().unwrap();
        let connection = open_writer(file.path(), None).unwrap();
        let tables =
            "CREATE TABLE numbers (number INTEGER); CREATE TABLE positive (number CHECK (number > 0))";
        connection.execute_batch(tables).unwrap();
        let claimed = DatabaseFile::claim(file.path(), &DirectorySync::required()).unwrap();
        let checkpoints = open_writer(file.path(), None).unwrap();
        (Writer::start(Connections { writer: connection, checkpoints }, claimed, 64).unwrap(), file)
    }

    fn insert(db: &Connection, number: i64) -> Result<i64, StorageError> {
        db.execute("INSERT INTO numbers VALUES (?1)", [number]).map_err(storage_error)?;
        Ok(number)
    }

    /// Keeps the writer busy until the returned sender is used, so that others queue behind.
    async fn occupy(
        writer: &Writer,
        others: &mut JoinSet<Result<i64, StorageError>>,
    ) -> blocking::Sender<()> {
        let (release, released) = blocking::channel();
        let (occupied, is_occupied) = oneshot::channel();
        let (writer, mut occupied) = (writer.clone(), Some(occupied));
        others.spawn(async move {
            let hold = move |_: &Connection| {
                occupied.take().map(|occupied| occupied.send(()));
                released.recv().map_err(database)?;
                Ok(0)
            };
            writer.write(0, hold).await
        });
        is_occupied.await.unwrap();
        release
    }

    /// Lets everything that was spawned reach the queue.
    async fn queued(writer: &Writer, operations: usize) {
        while writer.queue.0.waiting() < operations {
            tokio::task::yield_now().await;
        }
    }

    fn stored(file: &NamedTempFile) -> Vec<i64> {
        let db = Connection::open(file.path()).unwrap();
        let mut select = db.prepare("SELECT number FROM numbers ORDER BY number").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[tokio::test]
    async fn queued_operations_are_committed_together_before_any_result() {
        let ((writer, file), mut tasks) = (start(), JoinSet::new());
        let release = occupy(&writer, &mut tasks).await;
        let ran = Arc::new(AtomicUsize::new(0));
        for number in 1..=20 {
            let (writer, ran) = (writer.clone(), Arc::clone(&ran));
            tasks.spawn(async move {
                let counted = Arc::clone(&ran);
                let count = move |db: &Connection| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    insert(db, number)
                };
                let result = writer.write(1, count).await;
                assert_eq!(ran.load(Ordering::SeqCst), 20, "answered before its batch was complete");
                result
            });
        }
        queued(&writer, 20).await;
        release.send(()).unwrap();
        assert!(tasks.join_all().await.into_iter().all(|result| result.is_ok()));
        assert_eq!(stored(&file), (1..=20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn operation_that_fails_while_it_writes_leaves_no_trace_and_no_victims() {
        let ((writer, file), mut tasks) = (start(), JoinSet::new());
        let release = occupy(&writer, &mut tasks).await;
        for number in 1..=5 {
            let writer = writer.clone();
            let run = move |db: &Connection| {
                insert(db, number)?;
                if number == 3 { Err(database("broken")) } else { Ok(number) }
            };
            tasks.spawn(async move { writer.write(1, run).await });
        }
        queued(&writer, 5).await;
        release.send(()).unwrap();
        let results = tasks.join_all().await;
        assert_eq!(
            results.iter().filter(|result| matches!(result, Err(StorageError::Database(_)))).count(),
            1
        );
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 5);
        assert_eq!(stored(&file), [1, 2, 4, 5]);
    }

    /// The others share a transaction in the second run.
    #[tokio::test]
    async fn operation_that_violates_a_constraint_fails_alone() {
        let ((writer, file), mut tasks) = (start(), JoinSet::new());
        let release = occupy(&writer, &mut tasks).await;
        let runs = Arc::new(AtomicUsize::new(0));
        for number in 1..=5 {
            let (writer, runs) = (writer.clone(), Arc::clone(&runs));
            let run = move |db: &Connection| {
                runs.fetch_add(1, Ordering::SeqCst);
                insert(db, number)?;
                if number == 3 {
                    db.execute("INSERT INTO positive VALUES (-1)", []).map_err(storage_error)?;
                }
                Ok(number)
            };
            tasks.spawn(async move { writer.write(1, run).await });
        }
        queued(&writer, 5).await;
        release.send(()).unwrap();
        let results = tasks.join_all().await;
        let is_failure =
            |result: &&Result<i64, StorageError>| matches!(result, Err(StorageError::Database(_)));
        assert_eq!(results.iter().filter(is_failure).count(), 1);
        assert!((6..=10).contains(&runs.load(Ordering::SeqCst)), "each at most twice");
        assert_eq!(stored(&file), [1, 2, 4, 5]);
    }

    #[tokio::test]
    async fn operation_whose_caller_has_gone_is_withdrawn() {
        let ((writer, file), mut tasks) = (start(), JoinSet::new());
        let release = occupy(&writer, &mut tasks).await;
        let (gone, staying) = (writer.clone(), writer.clone());
        let leaving = tasks.spawn(async move { gone.write(1, |db| insert(db, 1)).await });
        queued(&writer, 1).await;
        tasks.spawn(async move { staying.write(1, |db| insert(db, 2)).await });
        queued(&writer, 2).await;
        leaving.abort();
        while !leaving.is_finished() {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        while tasks.join_next().await.is_some() {}
        assert_eq!(stored(&file), [2]);
    }

    #[tokio::test]
    async fn closing_runs_what_has_queued_and_rejects_what_comes_later() {
        let ((writer, file), mut tasks) = (start(), JoinSet::new());
        let release = occupy(&writer, &mut tasks).await;
        let before = writer.clone();
        tasks.spawn(async move { before.write(1, |db| insert(db, 1)).await });
        queued(&writer, 1).await;
        let closing = writer.clone();
        let mut closers = JoinSet::new();
        closers.spawn(async move { closing.close().await });
        while !writer.is_closed() {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        closers.join_all().await;
        assert!(tasks.join_all().await.into_iter().all(|result| result.is_ok()));
        let late = writer.write(1, |db| insert(db, 2)).await;
        assert!(matches!(late, Err(StorageError::Unavailable(_))), "{late:?}");
        assert!(writer.is_closed());
        assert_eq!(stored(&file), [1]);
    }
}
