//! Deadline for awaited events in tests.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// Maximum wait for an event on a busy machine. Only failing tests wait this long.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Output of `future`; panics with `what` after [`DEADLINE`].
///
/// # Panics
/// If the future is not ready in time.
pub async fn within<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(DEADLINE, future).await else {
        panic!("{what}: nothing within {DEADLINE:?}");
    };
    value
}
