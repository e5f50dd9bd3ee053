//! Writer thread: takes a batch, runs it in one transaction, commits, resolves the outcomes.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use less_sync_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::{Checkpoint, checkpoint};
use super::checkpointer::{Checkpointer, log_pages, observe_log};
use super::operation::Operation;
use super::queue::{Batch, Queue, Receiver, Work};
use crate::database_file::{DatabaseFile, WrittenFiles};
use crate::error::{is_write_failure, storage_error, unavailable};

/// Maximum number of yields between two batches; some tens of microseconds.
const RETURN_YIELDS: usize = 100;

/// Failure of a batch.
enum Failed {
    /// The transaction could not begin or commit. After a failed commit the outcome is unknown (storage T9).
    Transaction(rusqlite::Error),
    /// An operation failed, or the database failed while one ran; rolled back.
    Operation(StorageError),
}

/// Protection of the operations of a transaction from each other.
#[derive(Clone, Copy)]
enum Isolation {
    /// Common rollback: the first operation that fails rolls the transaction back.
    Shared,
    /// A savepoint for each operation. A savepoint copies every page that the operation changes, which costs a sixth of the
    /// throughput of small pushes.
    Savepoints,
}

/// State of the writer thread.
pub(super) struct WriterThread {
    connection: Connection,
    checkpointer: Checkpointer,
    queue: Arc<Queue>,
    /// See [`Writer::is_failing`](super::Writer::is_failing).
    is_failing: Arc<AtomicBool>,
    files: WrittenFiles,
}

impl WriterThread {
    pub(super) fn new(
        connection: Connection,
        checkpointer: Checkpointer,
        (queue, is_failing): (Arc<Queue>, Arc<AtomicBool>),
        files: WrittenFiles,
    ) -> Self {
        observe_log(&connection);
        Self { connection, checkpointer, queue, is_failing, files }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self, file: Arc<DatabaseFile>) {
        let _receiver = Receiver(Arc::clone(&self.queue));
        loop {
            match self.queue.next() {
                Work::Batch(batch) => {
                    let callers = batch.len();
                    self.commit(batch);
                    self.checkpointer.committed(&self.connection, log_pages());
                    self.let_return(callers);
                }
                Work::Checkpoint(reply) => drop(reply.send(self.checkpoint())),
                Work::Over(closers) => return self.finish(file, closers),
            }
        }
    }

    /// Yields, so that callers whose outcomes were just resolved can submit their next operations to this batch. Without it
    /// the callers split into two halves that wait for each other's commit, and each batch is half as large as it could
    /// be. Does nothing for a lone caller.
    fn let_return(&self, callers: usize) {
        for _ in 0..RETURN_YIELDS {
            if callers < 2 || self.queue.waiting() >= callers {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Commits the operations of a batch in one transaction. If one fails, they run again with savepoints, so that the others
    /// still share a transaction; if the database itself fails, such as on a full disk, they run again one by one: a smaller one
    /// may still fit. Nothing runs again after a failed commit, whose outcome is unknown.
    fn commit(&self, mut batch: Batch) {
        let mut done = self.transaction(&mut batch, Isolation::Shared);
        if let Err(Failed::Operation(error)) = &done
            && batch.len() > 1
        {
            tracing::warn!(%error, operations = batch.len(), "write batch rolled back, retrying with savepoints");
            done = self.transaction(&mut batch, Isolation::Savepoints);
        }
        match done {
            Ok(()) => self.resolve(batch),
            Err(Failed::Transaction(error)) => fail_all(batch, TransactionFailed(error)),
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

    /// Resolves the operations of a committed batch. If the database or its log was moved, deleted or replaced meanwhile, the
    /// next start would not see the commit: the operations fail, and no more are accepted.
    fn resolve(&self, batch: Batch) {
        match self.files.require_in_place() {
            Ok(()) => batch.into_iter().for_each(Operation::resolve),
            Err(error) => {
                tracing::error!(%error, "writing ended: restart the server when the files of the database are in place");
                self.queue.close(None);
                fail_all(batch, error);
            }
        }
    }

    /// Runs a batch in one transaction, and notes a failure of the disk. A success proves nothing: a transaction whose operations
    /// were rejected has not written.
    fn transaction(&self, batch: &mut Batch, isolation: Isolation) -> Result<(), Failed> {
        let done = self.run_in_transaction(batch, isolation);
        let is_rejected = match &done {
            Ok(()) => false,
            Err(Failed::Transaction(error)) => is_write_failure(error),
            Err(Failed::Operation(error)) => is_write_failure(error),
        };
        if is_rejected {
            self.is_failing.store(true, Ordering::Relaxed);
        }
        done
    }

    fn run_in_transaction(&self, batch: &mut Batch, isolation: Isolation) -> Result<(), Failed> {
        // IMMEDIATE takes the write lock at once: a deferred transaction could fail when it upgrades its snapshot later.
        self.execute("BEGIN IMMEDIATE").map_err(Failed::Transaction)?;
        let ran = batch.iter_mut().try_for_each(|operation| match isolation {
            Isolation::Shared => operation.run(&self.connection).map_err(Failed::Operation),
            Isolation::Savepoints => self.run_apart(&mut **operation),
        });
        let done = ran.and_then(|()| self.execute("COMMIT").map_err(Failed::Transaction));
        // SQLite has already rolled back after some failures (a full disk, say), and not after others.
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "failed to roll back a write transaction");
        }
        done
    }

    /// Runs an operation of a shared transaction. If it fails, what it wrote is rolled back and nothing else.
    fn run_apart(&self, operation: &mut dyn Operation) -> Result<(), Failed> {
        let savepoint = |sql| self.execute(sql).map_err(|error| Failed::Operation(storage_error(error)));
        savepoint("SAVEPOINT operation")?;
        if let Err(error) = operation.run(&self.connection) {
            // After a failure of the database itself, such as a full disk, the transaction may be gone.
            if self.connection.is_autocommit() || matches!(error, StorageError::Unavailable(_)) {
                return Err(Failed::Operation(error));
            }
            tracing::warn!(%error, "write operation failed and was rolled back");
            savepoint("ROLLBACK TO operation")?;
            operation.set_failed(error);
        }
        savepoint("RELEASE operation")
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn checkpoint(&self) -> Result<Checkpoint, StorageError> {
        checkpoint(&self.connection, "PASSIVE").map_err(storage_error)
    }

    /// Closes the database before the locks are released, and completes the pending closes after both.
    fn finish(self, file: Arc<DatabaseFile>, closers: Vec<oneshot::Sender<()>>) {
        drop(self.checkpointer);
        if let Err(error) = checkpoint(&self.connection, "TRUNCATE") {
            tracing::warn!(%error, "failed to checkpoint the write-ahead log at shutdown");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "failed to close the database");
        }
        drop(file);
        for closer in closers {
            let _ = closer.send(());
        }
    }
}

fn fail_all(batch: Batch, error: impl Error + Send + Sync + 'static) {
    let error = Arc::new(error);
    for operation in batch {
        operation.fail(unavailable(Arc::clone(&error)));
    }
}

#[derive(Debug, thiserror::Error)]
#[error("write transaction failed")]
struct TransactionFailed(#[source] rusqlite::Error);
