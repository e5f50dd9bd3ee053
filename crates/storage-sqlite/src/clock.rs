//! Clock of the database: the only source of row timestamps (storage §8).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Current time, in microseconds since 1970, UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "rows carry the time of the database, not of a use case (storage §1.1)"
)]
pub(crate) fn now_micros() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

/// Duration in microseconds.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
