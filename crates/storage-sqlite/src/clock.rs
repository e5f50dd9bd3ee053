//! The clock of the database: the one place where row timestamps come from (storage §8).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in microseconds since 1970, UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "rows carry the time of the database, not of a use case (storage §1.1)"
)]
pub(crate) fn now_micros() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

/// A span of time, in microseconds.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
