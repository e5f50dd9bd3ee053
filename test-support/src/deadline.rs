//! How long a test waits, at most.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// How long anything that should happen may take on a busy machine. Never spent when it does happen.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What `future` answers, or a failure that names `what` after [`PATIENCE`].
///
/// # Panics
/// When the future is not ready in time.
pub async fn within<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("{what}: nothing within {PATIENCE:?}");
    };
    value
}
