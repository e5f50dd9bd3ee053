//! Input of the session from the socket.

use bytes::Bytes;

/// A message or event read from the socket.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// A binary message.
    Binary(Bytes),
    /// A text message. Its content, valid UTF-8 or not, is irrelevant: text frames are a protocol error.
    Text,
    /// A Ping or Pong: a sign of life.
    Control,
    /// A frame that does not complete its message.
    Fragment,
    /// The peer's close frame, or the end of the stream.
    Closed,
    /// A message larger than the limit.
    TooBig,
    /// A violation of RFC 6455.
    Violation,
}
