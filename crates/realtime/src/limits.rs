//! Timers and bounds of the WebSocket endpoint (protocol §11).

use std::ops::RangeInclusive;
use std::time::Duration;

use less_sync_core::limits as wire;

/// Timers and bounds of protocol §11 as one immutable value. Every bound is inclusive.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Timeout for the auth frame of a new connection (`WS_AUTH_TIMEOUT`).
    pub auth_timeout: Duration,
    /// Timeout for the validation of an access token (`WS_AUTH_VALIDATION_TIMEOUT`).
    pub auth_validation_timeout: Duration,
    /// Interval of keepalive byte and WebSocket Ping (`WS_KEEPALIVE_INTERVAL`).
    pub keepalive_interval: Duration,
    /// Idle timeout: silence of the client after which the connection is closed; zero disables it (`WS_IDLE_TIMEOUT`).
    pub idle_timeout: Duration,
    /// Timeout for the write of one message (`WS_WRITE_TIMEOUT`).
    pub write_timeout: Duration,
    /// Lifetime of a connection, before jitter (`WS_MAX_LIFETIME`).
    pub max_lifetime: Duration,
    /// Jitter of the lifetime, up and down, in percent of it (`WS_LIFETIME_JITTER`).
    pub lifetime_jitter_percent: u8,
    /// Close with the legacy code 4001 at the end of the lifetime, instead of 1001 (`WS_EXPIRY_CLOSE_CODE`).
    pub legacy_expiry_close: bool,
    /// Time after the expiry of its token for which a connection continues (`JWT_LEEWAY_SECONDS`).
    pub token_leeway: Duration,
    /// Maximum time by which running requests defer the close for an expired token.
    pub expiry_grace: Duration,
    /// Maximum time by which running requests defer the close at the end of the lifetime.
    pub lifetime_grace: Duration,
    /// Timeout for a close frame to be read and echoed by the client of an authenticated connection; other connections get a
    /// second (`WS_CLOSE_TIMEOUT`).
    pub close_timeout: Duration,
    /// Maximum size of an inbound message after authentication, in bytes (`WS_MAX_INBOUND_MESSAGE`).
    pub max_inbound_message: usize,
    /// Maximum responses and chunks queued for one connection (`WS_REPLY_QUEUE`).
    pub reply_queue: usize,
    /// Maximum durable events queued for one connection; overflow closes it as a slow consumer (`WS_EVENT_QUEUE`).
    pub event_queue: usize,
    /// Maximum ephemeral events queued for one connection; overflow drops the oldest (`WS_EPHEMERAL_QUEUE`).
    pub ephemeral_queue: usize,
    /// Maximum total size of the reply queue, in bytes: what a reader that stalls in a pull costs.
    pub reply_bytes: usize,
    /// Maximum total size of the durable event queue, and of the events buffered for outstanding `subscribe` responses, in
    /// bytes each.
    pub queue_bytes: usize,
    /// Maximum connections per mailbox, or per user and client without a mailbox (`WS_MAX_CONNECTIONS_PER_MAILBOX`).
    pub max_connections_per_mailbox: usize,
    /// Maximum connections per actor (`WS_MAX_CONNECTIONS_PER_ACTOR`).
    pub max_connections_per_actor: usize,
    /// Maximum connections of the process (`WS_MAX_CONNECTIONS_TOTAL`).
    pub max_connections_total: usize,
    /// Maximum unauthenticated connections per remote address (`WS_MAX_UNAUTHENTICATED_PER_ADDRESS`).
    pub max_unauthenticated_per_address: usize,
    /// Maximum inbound messages per second and connection, sustained; excess messages are delayed (`WS_INBOUND_RATE`).
    pub inbound_rate: u32,
    /// Maximum burst of inbound messages (`WS_INBOUND_BURST`).
    pub inbound_burst: u32,
    /// Maximum presence and event frames per second and connection, sustained; beyond it the newest of each space and kind
    /// waits (`WS_EPHEMERAL_RATE`).
    pub ephemeral_rate: u32,
    /// Maximum burst of presence and event frames (`WS_EPHEMERAL_BURST`).
    pub ephemeral_burst: u32,
    /// Maximum accepted requests without a response, per connection; reading pauses at this number.
    pub backlog: usize,
    /// Maximum total size of accepted requests without a response, per connection, in bytes; reading pauses above it, so that
    /// one message of maximum size may exceed it.
    pub backlog_bytes: usize,
    /// Memory for inbound messages of the process, in bytes; a quarter of it per actor (`WS_INBOUND_MEMORY`).
    pub inbound_memory: usize,
    /// Maximum size of presence data, in bytes (`WS_PRESENCE_MAX_DATA`).
    pub presence_max_data: usize,
    /// Maximum presence entries per space (`WS_PRESENCE_PER_SPACE`).
    pub presence_per_space: usize,
    /// Age from which a presence entry is stale (`WS_PRESENCE_STALE`).
    pub presence_stale: Duration,
    /// Interval of the sweep for stale presence entries (`WS_PRESENCE_SWEEP`).
    pub presence_sweep: Duration,
    /// Maximum size of event data, in bytes (`WS_EVENT_MAX_DATA`).
    pub event_max_data: usize,
    /// Range of the random delay between an invitation and the notification of its mailbox (auth P-7;
    /// `WS_INVITATION_NOTICE_DELAY`).
    pub invitation_notice_delay: RangeInclusive<Duration>,
    /// Interval of the position check, before jitter (decision 0014).
    pub position_check: Duration,
    /// Maximum time for running requests once the server stops (`WS_SHUTDOWN_DRAIN`).
    pub shutdown_drain: Duration,
    /// Time over which a stopping server spreads its closes (`WS_SHUTDOWN_SPREAD`).
    pub shutdown_spread: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            auth_timeout: seconds(5),
            auth_validation_timeout: seconds(10),
            keepalive_interval: seconds(30),
            idle_timeout: seconds(75),
            write_timeout: seconds(30),
            max_lifetime: seconds(3600),
            lifetime_jitter_percent: 10,
            legacy_expiry_close: false,
            token_leeway: seconds(60),
            expiry_grace: seconds(30),
            lifetime_grace: seconds(10),
            close_timeout: seconds(10),
            max_inbound_message: wire::INBOUND_MESSAGE,
            reply_queue: 64,
            event_queue: 256,
            ephemeral_queue: 128,
            reply_bytes: wire::MIB,
            queue_bytes: 8 * wire::MIB,
            max_connections_per_mailbox: 10,
            max_connections_per_actor: 30,
            max_connections_total: 10_000,
            max_unauthenticated_per_address: 32,
            inbound_rate: 50_000,
            inbound_burst: 100_000,
            ephemeral_rate: 25_000,
            ephemeral_burst: 50_000,
            backlog: 64,
            backlog_bytes: wire::MIB,
            inbound_memory: 512 * wire::MIB,
            presence_max_data: 1024,
            presence_per_space: 100,
            presence_stale: seconds(45),
            presence_sweep: seconds(15),
            event_max_data: 4096,
            invitation_notice_delay: seconds(1)..=seconds(5),
            position_check: seconds(25),
            shutdown_drain: seconds(10),
            shutdown_spread: seconds(5),
        }
    }
}

impl Limits {
    /// Timeout for the echo of a close frame without authentication, and of one while the server stops: at most a second.
    #[must_use]
    pub fn short_close_timeout(&self) -> Duration {
        self.close_timeout.min(Duration::from_secs(1))
    }
}
