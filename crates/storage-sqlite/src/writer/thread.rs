//! Writer thread: collects a batch, runs it in one transaction, commits, resolves the outcomes.

use std::sync::Arc;

use less_sync_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::operation::Operation;
use crate::database_file::DatabaseFile;
use crate::error::{storage_error, unavailable};

/// Maximum number of operations per transaction.
const BATCH_OPERATIONS: usize = 512;

/// Bytes after which a transaction takes no more operations.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Maximum number of yields between two batches; some tens of microseconds.
const RETURN_YIELDS: usize = 100;

/// Result of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// True if every page was moved; a long read prevents that.
    pub complete: bool,
    /// Pages in the log.
    pub log_pages: i64,
    /// Pages of it that are in the database file now.
    pub moved_pages: i64,
}

/// Command to the writer thread.
pub(super) enum Command {
    Write(Box<dyn Operation>),
    Checkpoint(oneshot::Sender<Result<Checkpoint, StorageError>>),
    Close(oneshot::Sender<()>),
}

type Batch = Vec<Box<dyn Operation>>;

/// Failure of a batch.
enum Failed {
    /// The transaction could not begin or commit. After a failed commit the outcome is unknown (storage T9).
    Transaction(rusqlite::Error),
    /// An operation failed while it ran; rolled back.
    Operation(StorageError),
}

/// State of the writer thread.
pub(super) struct WriterThread {
    connection: Connection,
    queue: mpsc::Receiver<Command>,
    closers: Vec<oneshot::Sender<()>>,
}

impl WriterThread {
    pub(super) fn new(connection: Connection, queue: mpsc::Receiver<Command>) -> Self {
        Self { connection, queue, closers: Vec::new() }
    }

    /// Runs until all senders are dropped, or a close command has arrived and the queue is empty.
    pub(super) fn run(mut self, file: DatabaseFile) {
        while let Some(command) = self.queue.blocking_recv() {
            let (batch, then) = self.collect(command);
            let callers = batch.len();
            self.commit(batch);
            // The command that ended the batch runs after it: a checkpoint then moves what was just committed.
            match then {
                Some(Command::Checkpoint(reply)) => drop(reply.send(self.checkpoint())),
                Some(Command::Close(reply)) => {
                    // Rejects further commands; the loop goes on until those that are queued already have run, and only
                    // then is the reply sent, by `finish`.
                    self.closers.push(reply);
                    self.queue.close();
                }
                Some(Command::Write(_)) | None => self.let_return(callers),
            }
        }
        self.finish(file);
    }

    /// Yields, so that callers whose outcomes were just resolved can submit their next operations to this batch. Without it
    /// the callers split into two halves that wait for each other's commit, and each batch is half as large as it could
    /// be. Does nothing for a lone caller.
    fn let_return(&self, callers: usize) {
        for _ in 0..RETURN_YIELDS {
            if callers < 2 || self.queue.len() >= callers {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Takes the queued operations that fit one transaction, and the command that ended them, if any.
    fn collect(&mut self, first: Command) -> (Batch, Option<Command>) {
        let (mut batch, mut bytes) = (Batch::new(), 0_usize);
        let mut next = Some(first);
        while let Some(command) = next {
            let Command::Write(operation) = command else { return (batch, Some(command)) };
            // Dropped callers have withdrawn their operations. One that is dropped after this check is too late: its
            // operation runs, and may or may not take effect.
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
            // Rolled back as a whole, so every operation runs again, by itself: only the failing one fails. Never after a
            // failed commit, whose outcome is unknown: an operation must not run twice.
            Err(Failed::Operation(error)) if batch.len() > 1 => {
                tracing::warn!(%error, operations = batch.len(), "write batch rolled back, retrying its operations one by one");
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
        // IMMEDIATE takes the write lock at once: a deferred transaction could fail when it upgrades its snapshot later.
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
            tracing::error!(%error, "failed to roll back a write transaction");
        }
        done
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn checkpoint(&self) -> Result<Checkpoint, StorageError> {
        checkpoint(&self.connection, "PASSIVE").map_err(storage_error)
    }

    /// Closes the database before the locks are released, and completes the pending closes after both.
    fn finish(self, file: DatabaseFile) {
        if let Err(error) = checkpoint(&self.connection, "TRUNCATE") {
            tracing::warn!(%error, "failed to checkpoint the write-ahead log at shutdown");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "failed to close the database");
        }
        drop(file);
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

/// A failure that many callers share.
#[derive(Debug, thiserror::Error)]
#[error("write transaction failed")]
struct TransactionFailed(#[source] Arc<rusqlite::Error>);
