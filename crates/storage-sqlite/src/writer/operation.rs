//! One write of one caller.

use less_sync_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Closed;

/// A write that waits for its turn, whatever its result type.
pub(super) trait Operation: Send {
    fn bytes(&self) -> usize;
    /// Whether nobody waits for the outcome any more.
    fn abandoned(&self) -> bool;
    /// Keeps the result for [`Operation::answer`]; an error means that the transaction must be rolled back.
    fn run(&mut self, connection: &Connection) -> Result<(), StorageError>;
    fn answer(self: Box<Self>);
    fn fail(self: Box<Self>, error: StorageError);
}

/// An operation with its result.
pub(super) struct Write<T, F> {
    bytes: usize,
    run: F,
    result: Result<T, StorageError>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Write<T, F> {
    /// An operation that writes about `bytes`, and the place where its outcome will appear.
    pub(super) fn new(bytes: usize, run: F) -> (Self, oneshot::Receiver<Result<T, StorageError>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { bytes, run, result: Err(Closed.into()), reply }, outcome)
    }
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
