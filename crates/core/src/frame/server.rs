//! What a server sends, as its clients read it.

use super::body::Raw;
use super::envelope::{Envelope, typed};
use super::{CHUNK, KEEPALIVE, NOTIFICATION, RESPONSE};
use crate::cbor::{Malformed, Required, Scanned, map};

/// A message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame<'b> {
    /// The single byte `f6`.
    Keepalive,
    /// The answer to a request, after all its chunks.
    Response {
        /// The id of the request.
        id: &'b str,
        /// The result, or what the server says went wrong.
        outcome: Result<Raw<'b>, RpcError<'b>>,
    },
    /// A part of the answer to a request.
    Chunk {
        /// The id of the request.
        id: &'b str,
        /// One of [`wire::chunk`](crate::wire::chunk), or an unknown name; unknown ones count too.
        name: &'b str,
        /// The part.
        data: Raw<'b>,
    },
    /// Something that happened.
    Notification {
        /// One of [`wire::method`](crate::wire::method), or an unknown name, to be ignored.
        method: &'b str,
        /// What happened.
        params: Raw<'b>,
    },
    /// Well-formed, but of a type that means nothing from a server.
    Ignored,
}

map! {
    /// A failed request (protocol §3).
    pub struct RpcError<'b> {
        /// What a client acts on; see [`ErrorCode::parse`](crate::ErrorCode::parse).
        "code" => code: &'b str as Required,
        /// For people.
        "message" => message: &'b str as Required,
    }
}

/// Reads one message of a server.
///
/// # Errors
/// It is not a well-formed frame: `id`, `name` or `method` is missing where its type needs it, or a response
/// does not carry exactly one of `result` and `error`.
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
