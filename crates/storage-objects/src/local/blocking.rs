//! Blocking file operations on the thread pool of the runtime.

use less_sync_storage::BlobError;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// Runs `work` on a blocking thread, to completion even if the future is dropped.
pub(super) async fn run<T, F>(work: F) -> Result<T, BlobError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, BlobError> + Send + 'static,
{
    joined(spawn_blocking(work).await)
}

/// Starts `work` on a blocking thread.
pub(super) fn start<T, F>(work: F) -> JoinHandle<Result<T, BlobError>>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, BlobError> + Send + 'static,
{
    spawn_blocking(work)
}

/// Result of joined work; a panic is a failure of the store.
pub(super) fn joined<T>(outcome: Result<Result<T, BlobError>, JoinError>) -> Result<T, BlobError> {
    outcome.unwrap_or_else(|ended| Err(BlobError::Failed(Box::new(ended))))
}

/// Drops `value`, whose destructor blocks, on a blocking thread; on this thread outside of a runtime.
pub(super) fn discard<T: Send + 'static>(value: T) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(value))),
        Err(_) => drop(value),
    }
}
