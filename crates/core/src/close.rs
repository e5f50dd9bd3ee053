//! Close codes of the WebSocket and their exact reasons (protocol §1.4, §1.5).

/// Numeric close codes of the wire.
pub mod close_code {
    /// Normal closure by the peer (RFC 6455 §7.4.1).
    pub const NORMAL: u16 = 1000;
    /// Shutdown, lifetime, token expiry or idleness; the client reconnects later.
    pub const GOING_AWAY: u16 = 1001;
    /// Violation of RFC 6455 by the peer.
    pub const WEBSOCKET_PROTOCOL: u16 = 1002;
    /// Text message that is not UTF-8 (RFC 6455 §7.4.1).
    pub const INVALID_TEXT: u16 = 1007;
    /// Inbound message over the limit.
    pub const TOO_BIG: u16 = 1009;
    /// Panic in a handler.
    pub const INTERNAL: u16 = 1011;
    /// Outage of a service that authentication depends on.
    pub const TRY_LATER: u16 = 1013;
    /// Invalid token or handshake; clients do not retry.
    pub const AUTH_FAILED: u16 = 4000;
    /// Maximum lifetime reached, under the setting `expiry_close_code`.
    pub const TOKEN_EXPIRED: u16 = 4001;
    /// Trust in the server at the other end revoked, or its key removed.
    pub const FORBIDDEN: u16 = 4002;
    /// Connection limit reached.
    pub const TOO_MANY_CONNECTIONS: u16 = 4003;
    /// Message that is not a frame of this protocol.
    pub const PROTOCOL_ERROR: u16 = 4005;
    /// Outbound queue full: the peer reads too slowly.
    pub const SLOW_CONSUMER: u16 = 4006;
    /// Rate limit exceeded by far.
    pub const RATE_LIMITED: u16 = 4007;
}

/// Code and reason of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Close {
    /// Numeric code, one of [`close_code`].
    pub code: u16,
    /// Reason text, at most 123 bytes; fixed texts only.
    pub reason: &'static str,
}

impl Close {
    /// Shutdown of the server.
    pub const SHUTDOWN: Self = Self::new(close_code::GOING_AWAY, "server shutting down");
    /// Maximum lifetime of a connection reached.
    pub const LIFETIME: Self = Self::new(close_code::GOING_AWAY, "connection lifetime reached");
    /// Access token expired.
    pub const TOKEN_EXPIRED: Self = Self::new(close_code::GOING_AWAY, "token expired");
    /// No inbound message within the idle timeout.
    pub const IDLE: Self = Self::new(close_code::GOING_AWAY, "idle timeout");
    /// Maximum lifetime reached, under `expiry_close_code` = 4001.
    pub const LEGACY_LIFETIME: Self = Self::new(close_code::TOKEN_EXPIRED, "connection timeout");
    /// Inbound message over the limit.
    pub const TOO_BIG: Self = Self::new(close_code::TOO_BIG, "message too big");
    /// Panic in a handler.
    pub const INTERNAL: Self = Self::new(close_code::INTERNAL, "internal error");
    /// Key set or another dependency of authentication unreachable.
    pub const AUTH_UNAVAILABLE: Self = Self::new(close_code::TRY_LATER, "auth unavailable");
    /// Connection limit reached.
    pub const TOO_MANY_CONNECTIONS: Self =
        Self::new(close_code::TOO_MANY_CONNECTIONS, "too many connections");
    /// Limit of links of one server reached (federation §7.5).
    pub const TOO_MANY_LINKS: Self =
        Self::new(close_code::TOO_MANY_CONNECTIONS, "too many federation connections");
    /// Server that is not trusted any more (federation §5.5).
    pub const TRUST_REVOKED: Self = Self::new(close_code::FORBIDDEN, "trust revoked");
    /// Key of a link that is not accepted any more (federation TR-7).
    pub const KEY_REMOVED: Self = Self::new(close_code::FORBIDDEN, "key removed");
    /// Server that names itself otherwise than its signature does (federation §8.3).
    pub const OTHER_SERVER: Self =
        Self::new(close_code::PROTOCOL_ERROR, "server does not match the signature");
    /// Binary message of zero bytes.
    pub const EMPTY_FRAME: Self = Self::new(close_code::PROTOCOL_ERROR, "empty binary frame");
    /// Message that is not exactly one well-formed frame.
    pub const INVALID_CBOR: Self = Self::new(close_code::PROTOCOL_ERROR, "invalid cbor frame");
    /// Text message instead of a binary one.
    pub const TEXT_FRAME: Self = Self::new(close_code::PROTOCOL_ERROR, "expected binary rpc frame");
    /// Request id longer than 256 bytes.
    pub const REQUEST_ID_TOO_LONG: Self = Self::new(close_code::PROTOCOL_ERROR, "request id too long");
    /// Outbound queue full: the peer reads too slowly.
    pub const SLOW_CONSUMER: Self = Self::new(close_code::SLOW_CONSUMER, "slow consumer");
    /// Closed by the operator; the client may connect again.
    pub const OPERATOR: Self = Self::new(close_code::GOING_AWAY, "closed by the operator");
    /// Rate limit exceeded by far.
    pub const RATE_LIMITED: Self = Self::new(close_code::RATE_LIMITED, "rate limited");

    /// Combines code and reason.
    #[must_use]
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// Handshake failure with its reason.
    #[must_use]
    pub const fn auth_failed(reason: &'static str) -> Self {
        Self::new(close_code::AUTH_FAILED, reason)
    }
}
