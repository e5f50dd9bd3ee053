//! Files are read and written on threads that may wait.

use less_sync_storage::BlobError;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// Does `work` on such a thread. Goes on to its end when the future is dropped.
pub(super) async fn run<T, F>(work: F) -> Result<T, BlobError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, BlobError> + Send + 'static,
{
    joined(spawn_blocking(work).await)
}

/// Begins `work` on such a thread.
pub(super) fn begin<T, F>(work: F) -> JoinHandle<Result<T, BlobError>>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, BlobError> + Send + 'static,
{
    spawn_blocking(work)
}

/// What became of it.
pub(super) fn joined<T>(outcome: Result<Result<T, BlobError>, JoinError>) -> Result<T, BlobError> {
    outcome.unwrap_or_else(|ended| Err(BlobError::Failed(Box::new(ended))))
}

/// Drops what may take its time on such a thread, and here when there is no runtime any more.
pub(super) fn discard<T: Send + 'static>(value: T) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(value))),
        Err(_) => drop(value),
    }
}
