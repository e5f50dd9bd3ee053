//! How a connection ends: close codes and their exact reasons (protocol §1.4, §1.5).

/// The close codes of the wire.
pub mod close_code {
    /// The peer is done (RFC 6455 §7.4.1).
    pub const NORMAL: u16 = 1000;
    /// Shutdown, lifetime, token expiry, idleness: come back later.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke RFC 6455.
    pub const WEBSOCKET_PROTOCOL: u16 = 1002;
    /// Text that is not UTF-8 (RFC 6455 §7.4.1).
    pub const INVALID_TEXT: u16 = 1007;
    /// Inbound message over the limit.
    pub const TOO_BIG: u16 = 1009;
    /// A handler panicked.
    pub const INTERNAL: u16 = 1011;
    /// The service behind authentication is down.
    pub const TRY_LATER: u16 = 1013;
    /// The token or the handshake is at fault; clients give up.
    pub const AUTH_FAILED: u16 = 4000;
    /// Maximum lifetime under the knob `expiry_close_code`.
    pub const TOKEN_EXPIRED: u16 = 4001;
    /// A connection limit was reached.
    pub const TOO_MANY_CONNECTIONS: u16 = 4003;
    /// Not a frame of this protocol.
    pub const PROTOCOL_ERROR: u16 = 4005;
    /// The peer reads too slowly.
    pub const SLOW_CONSUMER: u16 = 4006;
    /// The peer floods.
    pub const RATE_LIMITED: u16 = 4007;
}

/// Code and reason of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Close {
    /// One of [`close_code`].
    pub code: u16,
    /// At most 123 bytes; fixed texts only.
    pub reason: &'static str,
}

impl Close {
    /// The server stops.
    pub const SHUTDOWN: Self = Self::new(close_code::GOING_AWAY, "server shutting down");
    /// The connection has lived as long as connections may.
    pub const LIFETIME: Self = Self::new(close_code::GOING_AWAY, "connection lifetime reached");
    /// The access token has run out.
    pub const TOKEN_EXPIRED: Self = Self::new(close_code::GOING_AWAY, "token expired");
    /// Nothing was heard for too long.
    pub const IDLE: Self = Self::new(close_code::GOING_AWAY, "idle timeout");
    /// The lifetime close under `expiry_close_code` = 4001.
    pub const LEGACY_LIFETIME: Self = Self::new(close_code::TOKEN_EXPIRED, "connection timeout");
    /// Inbound message over the limit.
    pub const TOO_BIG: Self = Self::new(close_code::TOO_BIG, "message too big");
    /// A handler panicked.
    pub const INTERNAL: Self = Self::new(close_code::INTERNAL, "internal error");
    /// Keys or another dependency of authentication cannot be reached.
    pub const AUTH_UNAVAILABLE: Self = Self::new(close_code::TRY_LATER, "auth unavailable");
    /// More connections than allowed.
    pub const TOO_MANY_CONNECTIONS: Self =
        Self::new(close_code::TOO_MANY_CONNECTIONS, "too many connections");
    /// The registry rejected the connection.
    pub const REGISTRATION_FAILED: Self =
        Self::new(close_code::TOO_MANY_CONNECTIONS, "failed to register connection");
    /// A message of zero bytes.
    pub const EMPTY_FRAME: Self = Self::new(close_code::PROTOCOL_ERROR, "empty binary frame");
    /// A message that is not one well-formed frame.
    pub const INVALID_CBOR: Self = Self::new(close_code::PROTOCOL_ERROR, "invalid cbor frame");
    /// A text message.
    pub const TEXT_FRAME: Self = Self::new(close_code::PROTOCOL_ERROR, "expected binary rpc frame");
    /// A request id over 256 bytes.
    pub const REQUEST_ID_TOO_LONG: Self = Self::new(close_code::PROTOCOL_ERROR, "request id too long");
    /// The peer reads too slowly.
    pub const SLOW_CONSUMER: Self = Self::new(close_code::SLOW_CONSUMER, "slow consumer");
    /// The peer floods.
    pub const RATE_LIMITED: Self = Self::new(close_code::RATE_LIMITED, "rate limited");

    /// Code and reason.
    #[must_use]
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// The handshake failed for this reason.
    #[must_use]
    pub const fn auth_failed(reason: &'static str) -> Self {
        Self::new(close_code::AUTH_FAILED, reason)
    }
}
