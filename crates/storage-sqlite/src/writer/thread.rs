//! The thread that writes: collect, run, commit, answer.

use std::fs::File;
use std::sync::Arc;

use less_sync_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::operation::Operation;
use crate::error::{storage_error, unavailable};

/// Operations of one transaction at most.
const BATCH_OPERATIONS: usize = 512;

/// Bytes after which a transaction takes no more operations.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// How often the thread steps aside for callers that it has answered; some tens of microseconds.
const RETURN_YIELDS: usize = 100;

/// What a checkpoint found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whether everything could be moved; a long read prevents that.
    pub complete: bool,
    /// Pages in the log.
    pub log_pages: i64,
    /// Pages of it that are in the database file now.
    pub moved_pages: i64,
}

/// What the thread is told.
pub(super) enum Command {
    Write(Box<dyn Operation>),
    Checkpoint(oneshot::Sender<Result<Checkpoint, StorageError>>),
    Close(oneshot::Sender<()>),
}

type Batch = Vec<Box<dyn Operation>>;

/// Why a batch has no effect, or an unknown one.
enum Failed {
    /// The transaction could not begin or commit. After a failed commit the outcome is unknown (storage T9).
    Transaction(rusqlite::Error),
    /// An operation failed while it ran; rolled back.
    Operation(StorageError),
}

/// The thread that owns the connection.
pub(super) struct WriterThread {
    connection: Connection,
    queue: mpsc::Receiver<Command>,
    closers: Vec<oneshot::Sender<()>>,
}

impl WriterThread {
    pub(super) fn new(connection: Connection, queue: mpsc::Receiver<Command>) -> Self {
        Self { connection, queue, closers: Vec::new() }
    }

    /// Works until everybody who can send has gone, or one of them said close.
    pub(super) fn run(mut self, lock: File) {
        while let Some(command) = self.queue.blocking_recv() {
            let (batch, then) = self.collect(command);
            let callers = batch.len();
            self.commit(batch);
            match then {
                Some(Command::Checkpoint(reply)) => drop(reply.send(self.checkpoint())),
                Some(Command::Close(reply)) => {
                    self.closers.push(reply);
                    self.queue.close();
                }
                Some(Command::Write(_)) | None => self.let_return(callers),
            }
        }
        self.finish(lock);
    }

    /// Gives callers that were just answered the chance to come back before the next batch begins. Without it they
    /// split into two halves that wait for each other's commit, and each batch is half as large as it could be. A
    /// lone caller is not waited for.
    fn let_return(&self, callers: usize) {
        for _ in 0..RETURN_YIELDS {
            if callers < 2 || self.queue.len() >= callers {
                return;
            }
            std::thread::yield_now();
        }
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
