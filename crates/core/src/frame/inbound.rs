//! Decoding of client messages.

use super::body::Params;
use super::envelope::Envelope;
use super::{KEEPALIVE, NOTIFICATION, REQUEST};
use crate::cbor::Malformed;
use crate::limits;
use crate::wire::method::Method;
use crate::wire::token::AuthParams;

/// Message from an authenticated client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound<'b> {
    /// Keepalive: the single byte `f6`.
    Keepalive,
    /// Request (type 0): has exactly one response.
    Request {
        /// Request id: opaque, echoed byte for byte; empty when absent.
        id: &'b str,
        /// Method name; empty when absent.
        method: &'b str,
        /// Undecoded params.
        params: Params<'b>,
    },
    /// Notification (type 2): has no response.
    Notification {
        /// Method name; empty when absent.
        method: &'b str,
        /// Undecoded params.
        params: Params<'b>,
    },
    /// Well-formed message of a type that clients do not send: 1, 3 and every unknown one.
    Ignored,
}

/// Violation that closes the connection with 4005 (protocol §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Message of zero bytes.
    #[error("empty message")]
    Empty,
    /// Message that is not exactly one well-formed frame.
    #[error("not a well-formed frame")]
    Malformed,
    /// Request id longer than [`limits::REQUEST_ID`] bytes.
    #[error("request id too long")]
    IdTooLong,
}

impl From<Malformed> for Unreadable {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// Rejection of the first message of a connection (protocol §1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthFrame {
    /// Message of zero bytes.
    #[error("empty auth frame")]
    Empty,
    /// Message without a decodable type, method and text `params.token`.
    #[error("invalid auth frame")]
    Invalid,
    /// Decodable message other than the notification `auth`.
    #[error("first frame is not an auth notification")]
    NotAuth,
}

/// Decodes one message from an authenticated client.
///
/// # Errors
/// [`Unreadable`], whose variant determines the close reason.
pub fn parse(message: &[u8]) -> Result<Inbound<'_>, Unreadable> {
    if message.is_empty() {
        return Err(Unreadable::Empty);
    }
    if message == KEEPALIVE {
        return Ok(Inbound::Keepalive);
    }
    let envelope = Envelope::read(message)?;
    let method = envelope.method.unwrap_or_default();
    let params = Params::new(envelope.params);
    match envelope.kind {
        REQUEST => {
            let id = envelope.id.unwrap_or_default();
            if id.len() > limits::REQUEST_ID {
                return Err(Unreadable::IdTooLong);
            }
            Ok(Inbound::Request { id, method, params })
        }
        NOTIFICATION => Ok(Inbound::Notification { method, params }),
        _ => Ok(Inbound::Ignored),
    }
}

/// Decodes the first message of a connection and returns its params, whose token may be empty.
///
/// # Errors
/// [`BadAuthFrame`], whose variants give the order of the checks; the connection is closed with 4000.
pub fn parse_auth(message: &[u8]) -> Result<AuthParams<'_>, BadAuthFrame> {
    if message.is_empty() {
        return Err(BadAuthFrame::Empty);
    }
    let envelope = Envelope::read(message).map_err(|_| BadAuthFrame::Invalid)?;
    let name = envelope.method.ok_or(BadAuthFrame::Invalid)?;
    let params = Params::new(envelope.params).decode().map_err(|_| BadAuthFrame::Invalid)?;
    if envelope.kind == NOTIFICATION && name == Method::Auth.name() {
        Ok(params)
    } else {
        Err(BadAuthFrame::NotAuth)
    }
}
