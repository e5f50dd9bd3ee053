//! Decoding of server messages, for clients.

use super::body::Raw;
use super::envelope::{Envelope, typed};
use super::{CHUNK, KEEPALIVE, NOTIFICATION, RESPONSE};
use crate::cbor::{Malformed, Required, Scanned, map};

/// Message from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame<'b> {
    /// Keepalive: the single byte `f6`.
    Keepalive,
    /// Response to a request, sent after all its chunks.
    Response {
        /// Request id.
        id: &'b str,
        /// Result, or the error of the failed request.
        outcome: Result<Raw<'b>, RpcError<'b>>,
    },
    /// Part of a streamed response.
    Chunk {
        /// Request id.
        id: &'b str,
        /// Chunk name, one of [`wire::chunk`](crate::wire::chunk) or unknown; unknown chunks count too.
        name: &'b str,
        /// Undecoded chunk.
        data: Raw<'b>,
    },
    /// Notification.
    Notification {
        /// Notification name, one of [`wire::method`](crate::wire::method), or an unknown name, to be ignored.
        method: &'b str,
        /// Undecoded params.
        params: Raw<'b>,
    },
    /// Well-formed message of a type that servers do not send.
    Ignored,
}

map! {
    /// Error of a failed request (protocol §3).
    pub struct RpcError<'b> {
        /// Error code as text; see [`ErrorCode::parse`](crate::ErrorCode::parse).
        "code" => code: &'b str as Required,
        /// Description for humans; not to be parsed.
        "message" => message: &'b str as Required,
    }
}

/// Decodes one message from a server.
///
/// # Errors
/// [`Malformed`] when the message is not well-formed, `id`, `name` or `method` is missing where its type needs it, or a
/// response does not carry exactly one of `result` and `error`.
pub fn parse_server(message: &[u8]) -> Result<ServerFrame<'_>, Malformed> {
    if message == KEEPALIVE {
        return Ok(ServerFrame::Keepalive);
    }
    let envelope = Envelope::read(message)?;
    match envelope.kind {
        RESPONSE => Ok(ServerFrame::Response {
            id: envelope.id.ok_or(Malformed)?,
            outcome: outcome(envelope.result, envelope.error)?,
        }),
        CHUNK => Ok(ServerFrame::Chunk {
            id: envelope.id.ok_or(Malformed)?,
            name: typed(envelope.name.ok_or(Malformed)?)?,
            data: Raw::new(envelope.data),
        }),
        NOTIFICATION => Ok(ServerFrame::Notification {
            method: envelope.method.ok_or(Malformed)?,
            params: Raw::new(envelope.params),
        }),
        _ => Ok(ServerFrame::Ignored),
    }
}

fn outcome<'b>(
    result: Option<Scanned<'b>>,
    error: Option<Scanned<'b>>,
) -> Result<Result<Raw<'b>, RpcError<'b>>, Malformed> {
    match (result, error) {
        (Some(result), None) => Ok(Ok(Raw::new(Some(result)))),
        (None, Some(error)) => Ok(Err(Raw::new(Some(error)).decode().map_err(|_| Malformed)?)),
        _ => Err(Malformed),
    }
}
