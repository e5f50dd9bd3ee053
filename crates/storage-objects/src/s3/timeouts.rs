//! Timeouts of requests to the object store.

use std::time::Duration;

/// Timeouts of requests to the object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Maximum time to establish a connection; 2 s by default.
    pub connect: Duration,
    /// Maximum time to the response head of a request without a body; 10 s by default.
    pub response: Duration,
    /// Maximum time to the response head of a request with a body of up to 5 MiB; 1 min by default.
    pub transfer: Duration,
    /// Maximum time between two chunks of a response body; 30 s by default.
    pub stall: Duration,
    /// Time to the response head after which a request is repeated on a new connection, plus a second per MiB of its
    /// body; 2 s by default. No effect from the timeout of the request on.
    pub suspicious: Duration,
}

impl Timeouts {
    /// Time after which a request with a body of so many bytes is repeated on a new connection.
    pub(super) fn suspicious(&self, bytes: usize) -> Duration {
        self.suspicious + Duration::from_millis(u64::try_from(bytes / 1024).unwrap_or(u64::MAX))
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            response: Duration::from_secs(10),
            transfer: Duration::from_mins(1),
            stall: Duration::from_secs(30),
            suspicious: Duration::from_secs(2),
        }
    }
}
