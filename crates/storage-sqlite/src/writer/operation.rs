//! Queued write operation, its result, and the sender of its outcome.

use less_sync_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Closed;

/// A queued write operation of any result type.
pub(super) trait Operation: Send {
    /// True if the receiver of the outcome was dropped.
    fn abandoned(&self) -> bool;
    /// Keeps the result for [`Operation::resolve`]; an error means that the transaction must be rolled back.
    fn run(&mut self, connection: &Connection) -> Result<(), StorageError>;
    /// Makes a failure the result, after what the operation wrote was rolled back.
    fn set_failed(&mut self, error: StorageError);
    fn resolve(self: Box<Self>);
    fn fail(self: Box<Self>, error: StorageError);
}

/// An operation with its result.
pub(super) struct Write<T, R, F> {
    run: F,
    result: Result<T, StorageError<R>>,
    reply: oneshot::Sender<Result<T, StorageError<R>>>,
}

impl<T, R, F> Write<T, R, F> {
    /// An operation, and the place where its outcome will appear.
    pub(super) fn new(run: F) -> (Self, oneshot::Receiver<Result<T, StorageError<R>>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { run, result: Err(Closed.into()), reply }, outcome)
    }
}

impl<T, R, F> Operation for Write<T, R, F>
where
    T: Send,
    R: Send,
    F: FnMut(&Connection) -> Result<T, StorageError<R>> + Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> Result<(), StorageError> {
        match (self.run)(connection).map_err(StorageError::into_failure) {
            Err(Ok(failure)) => Err(failure),
            Err(Err(rejected)) => {
                self.result = Err(rejected);
                Ok(())
            }
            Ok(done) => {
                self.result = Ok(done);
                Ok(())
            }
        }
    }

    fn set_failed(&mut self, error: StorageError) {
        self.result = Err(error.widen());
    }

    fn resolve(self: Box<Self>) {
        // The receiver may have been dropped meanwhile.
        drop(self.reply.send(self.result));
    }

    fn fail(self: Box<Self>, error: StorageError) {
        drop(self.reply.send(Err(error.widen())));
    }
}
