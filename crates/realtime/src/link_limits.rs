//! Timers and bounds of links (federation §8, §22).

use std::time::Duration;

use less_sync_core::limits::MIB;

use crate::limits::Limits;

/// Timers and bounds of links (federation §8.4, §8.6, §22). Those that a link shares with connections of clients are in
/// [`Limits`].
#[derive(Clone, Debug, PartialEq)]
pub struct LinkLimits {
    /// Maximum size of a received message, in bytes, inclusive.
    pub max_message: usize,
    /// Interval of keepalive byte and Ping.
    pub keepalive: Duration,
    /// Time without input after which the link of a native peer is dead.
    pub idle: Duration,
    /// The same for original peers, which do not read between their calls, and so send no Pongs.
    pub idle_original: Duration,
    /// Lifetime of a link.
    pub lifetime: Duration,
    /// Random variation of the lifetime up and down, as a fraction.
    pub lifetime_jitter: f64,
    /// Maximum requests without a response; reading pauses at this number.
    pub max_running: usize,
    /// Maximum queued events.
    pub event_queue: usize,
    /// Maximum total size of queued events, in bytes.
    pub event_bytes: usize,
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            max_message: 8 * MIB + 65_536,
            keepalive: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            idle_original: Duration::from_mins(10),
            lifetime: Duration::from_hours(1),
            lifetime_jitter: 0.1,
            max_running: 32,
            event_queue: 1024,
            event_bytes: 8 * MIB,
        }
    }
}

impl LinkLimits {
    /// Bounds of the session and the outbox of a link, within an endpoint with `limits`.
    pub(crate) fn within(&self, limits: &Limits) -> Limits {
        Limits {
            keepalive_interval: self.keepalive,
            idle_timeout: self.idle_original,
            max_inbound_message: self.max_message,
            legacy_expiry_close: false,
            backlog: self.max_running,
            backlog_bytes: self.max_message,
            event_queue: self.event_queue,
            queue_bytes: self.event_bytes,
            ..limits.clone()
        }
    }
}
