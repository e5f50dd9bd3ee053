//! Clock of the load generator; the only place that reads the time.

use std::time::{Instant, SystemTime};

use less_sync_core::Timestamp;

/// Monotonic time, for measurements.
#[expect(clippy::disallowed_methods, reason = "clock of the load generator")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Wall-clock time, for the expiry of credentials.
#[expect(clippy::disallowed_methods, reason = "clock of the load generator")]
pub(crate) fn timestamp() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(since_epoch.as_secs().try_into().unwrap_or(i64::MAX))
}
