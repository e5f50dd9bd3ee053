//! The write side: one thread with the one connection that writes.
//!
//! It takes what has queued, runs it as one transaction, commits, and only then answers (natural batching). There
//! are no timers: an idle database adds no latency, a busy one pays one `fsync` for many writes.
//!
//! An operation decides before it writes, so a refused one (a conflict, say) has written nothing and does not touch
//! its neighbours. If one fails while it writes, the whole transaction is rolled back and every operation of it
//! runs again by itself, so only the failing one fails.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;

use less_sync_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error::{Closed, storage_error, unavailable};
use crate::store::Checkpoint;

/// Operations of one transaction at most.
const BATCH_OPERATIONS: usize = 512;

/// Bytes after which a transaction takes no more operations.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// The sending end: hands operations to the writer thread and waits for their outcome.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Command>,
}

enum Command {
    Write(Box<dyn Operation>),
    Checkpoint(oneshot::Sender<Result<Checkpoint, StorageError>>),
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the thread. `lock` is held until the connection is closed.
    pub(crate) fn start(connection: Connection, lock: File, queue: usize) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let thread = WriterThread { connection, queue: receiver, closers: Vec::new() };
        thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || thread.run(lock))?;
        Ok(Self { queue: sender })
    }

    /// Runs `run` in a write transaction; returns when that is durable. `bytes` is about what it writes. `run` may be
    /// called twice, and must not have written anything when it returns an error other than `Database` or
    /// `Unavailable`.
    ///
    /// A caller that is dropped before the writer begins has withdrawn its operation; after that it may or may not
    /// take effect.
    pub(crate) async fn write<T, F>(&self, bytes: usize, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StorageError> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        self.send(Command::Write(Box::new(Write { bytes, run, result: Err(Closed.into()), reply }))).await?;
        outcome.await.map_err(|_| Closed)?
    }

    /// Moves what the log holds into the database file, as far as readers allow.
    pub(crate) async fn checkpoint(&self) -> Result<Checkpoint, StorageError> {
        let (reply, outcome) = oneshot::channel();
        self.send(Command::Checkpoint(reply)).await?;
        outcome.await.map_err(|_| Closed)?
    }

    /// Finishes everything that has queued, empties the log and closes the database.
    pub(crate) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.send(Command::Close(reply)).await.is_ok() {
            // An error says that the thread is gone, which is what was asked for.
            drop(closed.await);
        }
    }

    /// Whether the thread has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    async fn send(&self, command: Command) -> Result<(), Closed> {
        self.queue.send(command).await.map_err(|_| Closed)
    }
}

/// A write that waits for its turn, whatever its result type.
trait Operation: Send {
    fn bytes(&self) -> usize;
    /// Whether nobody waits for the outcome any more.
    fn abandoned(&self) -> bool;
    /// Keeps the result for [`Operation::answer`]; an error means that the transaction must be rolled back.
    fn run(&mut self, connection: &Connection) -> Result<(), StorageError>;
    fn answer(self: Box<Self>);
    fn fail(self: Box<Self>, error: StorageError);
}

struct Write<T, F> {
    bytes: usize,
    run: F,
    result: Result<T, StorageError>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Operation for Write<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, StorageError> + Send,
{
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> Result<(), StorageError> {
        match (self.run)(connection) {
            Err(error @ (StorageError::Database(_) | StorageError::Unavailable(_))) => Err(error),
            decided => {
                self.result = decided;
                Ok(())
            }
        }
    }

    fn answer(self: Box<Self>) {
        // Whoever asked may have gone meanwhile.
        drop(self.reply.send(self.result));
    }

    fn fail(self: Box<Self>, error: StorageError) {
        drop(self.reply.send(Err(error)));
    }
}

type Batch = Vec<Box<dyn Operation>>;

/// Why a batch has no effect, or an unknown one.
enum Failed {
    /// The transaction could not begin or commit. After a failed commit the outcome is unknown (storage T9).
    Transaction(rusqlite::Error),
    /// An operation failed while it ran; rolled back.
    Operation(StorageError),
}

struct WriterThread {
    connection: Connection,
    queue: mpsc::Receiver<Command>,
    closers: Vec<oneshot::Sender<()>>,
}

impl WriterThread {
    fn run(mut self, lock: File) {
        while let Some(command) = self.queue.blocking_recv() {
            let (batch, then) = self.collect(command);
            self.commit(batch);
            match then {
                Some(Command::Checkpoint(reply)) => drop(reply.send(self.checkpoint())),
                Some(Command::Close(reply)) => {
                    self.closers.push(reply);
                    self.queue.close();
                }
                Some(Command::Write(_)) | None => {}
            }
        }
        self.finish(lock);
    }

    /// What has queued, as far as it fits one transaction, and the command that ended it.
    fn collect(&mut self, first: Command) -> (Batch, Option<Command>) {
        let (mut batch, mut bytes) = (Batch::new(), 0_usize);
        let mut next = Some(first);
        while let Some(command) = next {
            let Command::Write(operation) = command else { return (batch, Some(command)) };
            if !operation.abandoned() {
                bytes = bytes.saturating_add(operation.bytes());
                batch.push(operation);
            }
            if batch.len() >= BATCH_OPERATIONS || bytes >= BATCH_BYTES {
                break;
            }
            next = self.queue.try_recv().ok();
        }
        (batch, None)
    }

    fn commit(&self, mut batch: Batch) {
        if batch.is_empty() {
            return;
        }
        match self.transaction(&mut batch) {
            Ok(()) => batch.into_iter().for_each(Operation::answer),
            Err(Failed::Transaction(error)) => fail_all(batch, error),
            Err(Failed::Operation(error)) if batch.len() > 1 => {
                tracing::warn!(%error, operations = batch.len(), "write batch rolled back, running its parts alone");
                for operation in batch {
                    self.commit(vec![operation]);
                }
            }
            Err(Failed::Operation(error)) => {
                if let Some(operation) = batch.pop() {
                    operation.fail(error);
                }
            }
        }
    }

    fn transaction(&self, batch: &mut Batch) -> Result<(), Failed> {
        self.execute("BEGIN IMMEDIATE").map_err(Failed::Transaction)?;
        let ran = batch.iter_mut().try_for_each(|operation| operation.run(&self.connection));
        let done = match ran {
            Ok(()) => self.execute("COMMIT").map_err(Failed::Transaction),
            Err(error) => Err(Failed::Operation(error)),
        };
        // SQLite has already rolled back after some failures (a full disk, say), and not after others.
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "write transaction cannot be rolled back");
        }
        done
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn checkpoint(&self) -> Result<Checkpoint, StorageError> {
        checkpoint(&self.connection, "PASSIVE").map_err(storage_error)
    }

    /// Closes the database before the lock is given up, and answers after both.
    fn finish(self, lock: File) {
        if let Err(error) = checkpoint(&self.connection, "TRUNCATE") {
            tracing::warn!(%error, "log of the database was not emptied at shutdown");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "database was not closed cleanly");
        }
        drop(lock);
        for closer in self.closers {
            let _ = closer.send(());
        }
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Checkpoint> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok(Checkpoint {
            complete: row.get::<_, i64>(0)? == 0,
            log_pages: row.get(1)?,
            moved_pages: row.get(2)?,
        })
    })
}

fn fail_all(batch: Batch, error: rusqlite::Error) {
    let error = Arc::new(error);
    for operation in batch {
        operation.fail(unavailable(TransactionFailed(Arc::clone(&error))));
    }
}

/// One failure that many callers hear of.
#[derive(Debug, thiserror::Error)]
#[error("write transaction failed")]
struct TransactionFailed(#[source] Arc<rusqlite::Error>);
