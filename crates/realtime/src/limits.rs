//! Every timer and bound of the WebSocket endpoint (protocol §11).

use std::ops::RangeInclusive;
use std::time::Duration;

use less_sync_core::limits as wire;

/// The knobs of protocol §11, in one immutable value. Tests shrink them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a new connection has to send its auth frame (`WS_AUTH_TIMEOUT`).
    pub auth_timeout: Duration,
    /// How long the validation of a token may take (`WS_AUTH_VALIDATION_TIMEOUT`).
    pub auth_validation_timeout: Duration,
    /// Cadence of keepalive byte and WebSocket Ping (`WS_KEEPALIVE_INTERVAL`).
    pub keepalive_interval: Duration,
    /// Silence after which a client is taken for gone; zero turns the rule off (`WS_IDLE_TIMEOUT`).
    pub idle_timeout: Duration,
    /// How long one message may take to be written (`WS_WRITE_TIMEOUT`).
    pub write_timeout: Duration,
    /// How long a connection lives, before jitter (`WS_MAX_LIFETIME`).
    pub max_lifetime: Duration,
    /// Share of the lifetime by which it varies up and down, in percent (`WS_LIFETIME_JITTER`).
    pub lifetime_jitter_percent: u8,
    /// Whether the end of the lifetime is announced with the legacy code 4001 (`WS_EXPIRY_CLOSE_CODE`).
    pub legacy_expiry_close: bool,
    /// How long past its expiry a token still carries a connection (`JWT_LEEWAY_SECONDS`).
    pub token_leeway: Duration,
    /// How long a request under way may defer the close for an expired token.
    pub expiry_grace: Duration,
    /// How long running requests may defer the close at the end of the lifetime.
    pub lifetime_grace: Duration,
    /// How long a close frame waits for its echo.
    pub close_timeout: Duration,
    /// Largest inbound message after auth, in bytes, inclusive (`WS_MAX_INBOUND_MESSAGE`).
    pub max_inbound_message: usize,
    /// Responses and chunks queued for one connection (`WS_REPLY_QUEUE`).
    pub reply_queue: usize,
    /// Durable events queued for one connection before it counts as too slow (`WS_EVENT_QUEUE`).
    pub event_queue: usize,
    /// Ephemeral events queued for one connection before the oldest is dropped (`WS_EPHEMERAL_QUEUE`).
    pub ephemeral_queue: usize,
    /// Bound of the reply queue, and of the durable event queue, in bytes.
    pub queue_bytes: usize,
    /// Connections per mailbox, or per user and client without one (`WS_MAX_CONNECTIONS_PER_MAILBOX`).
    pub max_connections_per_mailbox: usize,
    /// Connections per actor (`WS_MAX_CONNECTIONS_PER_ACTOR`).
    pub max_connections_per_actor: usize,
    /// Connections of the process (`WS_MAX_CONNECTIONS_TOTAL`).
    pub max_connections_total: usize,
    /// Connections per remote address that have not authenticated yet (`WS_MAX_UNAUTHENTICATED_PER_ADDRESS`).
    pub max_unauthenticated_per_address: usize,
    /// Inbound messages per second, sustained (`WS_INBOUND_RATE`).
    pub inbound_rate: u32,
    /// Inbound messages at once (`WS_INBOUND_BURST`).
    pub inbound_burst: u32,
    /// Presence and event frames per second, sustained (`WS_EPHEMERAL_RATE`).
    pub ephemeral_rate: u32,
    /// Presence and event frames at once (`WS_EPHEMERAL_BURST`).
    pub ephemeral_burst: u32,
    /// Requests accepted but not answered, per connection.
    pub backlog: usize,
    /// Presence data, in bytes (`WS_PRESENCE_MAX_DATA`).
    pub presence_max_data: usize,
    /// Presence entries per space (`WS_PRESENCE_PER_SPACE`).
    pub presence_per_space: usize,
    /// Age at which a presence entry is stale (`WS_PRESENCE_STALE`).
    pub presence_stale: Duration,
    /// Cadence of the sweep for stale presence (`WS_PRESENCE_SWEEP`).
    pub presence_sweep: Duration,
    /// Event data, in bytes (`WS_EVENT_MAX_DATA`).
    pub event_max_data: usize,
    /// How long after an invitation its mailbox hears of it, at random (auth P-7).
    pub invitation_notice_delay: RangeInclusive<Duration>,
    /// Cadence of the position check, before jitter (decision 0014).
    pub position_check: Duration,
    /// How long running requests may take once the server stops (`WS_SHUTDOWN_DRAIN`).
    pub shutdown_drain: Duration,
    /// Over how long the closes of a stopping server are spread (`WS_SHUTDOWN_SPREAD`).
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
            close_timeout: seconds(1),
            max_inbound_message: wire::INBOUND_MESSAGE,
            reply_queue: 64,
            event_queue: 256,
            ephemeral_queue: 128,
            queue_bytes: 8 * wire::MIB,
            max_connections_per_mailbox: 10,
            max_connections_per_actor: 30,
            max_connections_total: 10_000,
            max_unauthenticated_per_address: 32,
            inbound_rate: 200,
            inbound_burst: 1000,
            ephemeral_rate: 60,
            ephemeral_burst: 120,
            backlog: 64,
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
