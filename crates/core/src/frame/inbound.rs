//! What a client sends.

use super::body::Params;
use super::envelope::Envelope;
use super::{KEEPALIVE, NOTIFICATION, REQUEST};
use crate::cbor::Malformed;
use crate::limits;
use crate::wire::method::Method;
use crate::wire::token::AuthParams;

/// A message of a client after authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound<'b> {
    /// The single byte `f6`.
    Keepalive,
    /// Type 0; to be answered exactly once.
    Request {
        /// Opaque, echoed byte for byte; empty when the client gave none.
        id: &'b str,
        /// Empty when the client gave none.
        method: &'b str,
        /// Not decoded yet.
        params: Params<'b>,
    },
    /// Type 2; never answered.
    Notification {
        /// Empty when the client gave none.
        method: &'b str,
        /// Not decoded yet.
        params: Params<'b>,
    },
    /// Well-formed, but of a type that means nothing from a client: 1, 3 and every unknown one.
    Ignored,
}

/// Why a connection must be closed with 4005 (protocol §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A message of zero bytes.
    #[error("empty message")]
    Empty,
    /// Not one well-formed frame.
    #[error("not a well-formed frame")]
    Malformed,
    /// A request id of more than [`limits::REQUEST_ID`] bytes.
    #[error("request id too long")]
    IdTooLong,
}

impl From<Malformed> for Unreadable {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// Why the first message does not authenticate (protocol §1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthFrame {
    /// A message of zero bytes.
    #[error("empty auth frame")]
    Empty,
    /// Not decodable as a type, a method and a text `params.token`.
    #[error("invalid auth frame")]
    Invalid,
    /// Decodable, but not the notification `auth`.
    #[error("first frame is not an auth notification")]
    NotAuth,
}

/// Reads one message of an authenticated client.
///
/// # Errors
/// The connection is to be closed; the reason is part of the answer.
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

/// Reads the first message of a connection: the token, which may be empty.
///
/// # Errors
/// The connection is to be closed with 4000; see [`BadAuthFrame`] for the order of the distinctions.
pub fn parse_auth(message: &[u8]) -> Result<&str, BadAuthFrame> {
    if message.is_empty() {
        return Err(BadAuthFrame::Empty);
    }
    let envelope = Envelope::read(message).map_err(|_| BadAuthFrame::Invalid)?;
    let name = envelope.method.ok_or(BadAuthFrame::Invalid)?;
    let params: AuthParams<'_> = Params::new(envelope.params).decode().map_err(|_| BadAuthFrame::Invalid)?;
    if envelope.kind == NOTIFICATION && name == Method::Auth.name() {
        Ok(params.token)
    } else {
        Err(BadAuthFrame::NotAuth)
    }
}
