//! Port to the sockets of links.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http::header::HeaderName;
use less_sync_core::Timestamp;
use url::Url;

/// Upgrade request of a link.
#[derive(Clone, Debug)]
pub struct DialRequest {
    /// URL with the scheme ws or wss.
    pub url: Url,
    /// All headers of the upgrade but `Host`, `Connection`, `Upgrade` and `Sec-WebSocket-Version`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// True when the address must be public (federation DI-3).
    pub is_guarded: bool,
    /// Largest message that is accepted, in bytes, inclusive.
    pub max_message: usize,
}

/// Failure of a dial.
#[derive(Debug, thiserror::Error)]
pub enum DialFailure {
    /// Response other than 101.
    #[error("upgrade was rejected with status {status}")]
    Rejected {
        /// Status code.
        status: u16,
        /// `Retry-After`, if any.
        retry_after: Option<Duration>,
        /// Clock of the peer, by the header `Date`.
        date: Option<Timestamp>,
    },
    /// Address that must not be dialled.
    #[error("address is not permitted")]
    Forbidden,
    /// Failure of name look-up, TCP, TLS or the handshake.
    #[error("cannot reach the server")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Input from a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Binary message.
    Message(Bytes),
    /// Ping or Pong.
    Control,
    /// Text message.
    Text,
    /// Close frame; the last input.
    Closed {
        /// Close code; 1005 for a frame without one.
        code: u16,
        /// Reason.
        reason: String,
    },
    /// Message above the limit; the last input.
    TooBig,
    /// Loss of the socket; the last input.
    Lost,
}

/// Output to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Binary message.
    Message(Bytes),
    /// Ping.
    Ping,
    /// Close frame; the last output.
    Close(u16, &'static str),
}

/// Reading half of a socket.
#[async_trait]
pub trait LinkReader: Send {
    /// Next input. Cancel-safe. Pings are answered below this port.
    async fn next(&mut self) -> Received;
}

/// Socket that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("socket has failed")]
pub struct SocketLost;

/// Writing half of a socket.
#[async_trait]
pub trait LinkWriter: Send {
    /// Writes and flushes one output.
    ///
    /// # Errors
    /// [`SocketLost`]; the reading half reports the cause.
    async fn send(&mut self, output: Sent) -> Result<(), SocketLost>;
}

/// Upgraded socket.
pub struct LinkSocket {
    /// Reading half.
    pub reader: Box<dyn LinkReader>,
    /// Writing half.
    pub writer: Box<dyn LinkWriter>,
    /// Subprotocol that the peer has selected.
    pub subprotocol: Option<String>,
}

impl std::fmt::Debug for LinkSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkSocket").field("subprotocol", &self.subprotocol).finish_non_exhaustive()
    }
}

/// Dialer of sockets.
#[async_trait]
pub trait Dialer: Send + Sync {
    /// Opens a socket and sends the upgrade request. The caller limits the time.
    ///
    /// # Errors
    /// [`DialFailure`].
    async fn dial(&self, request: &DialRequest) -> Result<LinkSocket, DialFailure>;
}
