//! Encoding of whole messages.

use bytes::Bytes;

use super::{CHUNK, NOTIFICATION, REQUEST, RESPONSE};
use crate::ErrorCode;
use crate::cbor::{Encode, map_head, text};

/// Keepalive message: CBOR null.
pub const KEEPALIVE: &[u8] = &[0xf6];

/// Reserved size of an envelope without body and texts, in bytes.
const ENVELOPE: usize = 48;

/// Encodes the successful response to request `id`.
#[must_use]
pub fn response(id: &str, result: &impl Encode) -> Bytes {
    let mut out = Vec::with_capacity(ENVELOPE + id.len() + result.size_hint());
    begin(&mut out, 3, RESPONSE);
    member(&mut out, "id", id);
    member(&mut out, "result", result);
    out.into()
}

/// Encodes the error response to request `id`.
#[must_use]
pub fn error(id: &str, code: ErrorCode, message: &str) -> Bytes {
    error_text(id, code.as_str(), message)
}

/// Encodes the error response to request `id` with a code given as text, for forwarded responses.
#[must_use]
pub fn error_text(id: &str, code: &str, message: &str) -> Bytes {
    let mut out = Vec::with_capacity(ENVELOPE + id.len() + code.len() + message.len());
    begin(&mut out, 3, RESPONSE);
    member(&mut out, "id", id);
    text(&mut out, "error");
    map_head(&mut out, 2);
    member(&mut out, "code", code);
    member(&mut out, "message", message);
    out.into()
}

/// Encodes the notification `method`.
#[must_use]
pub fn notification(method: &str, params: &impl Encode) -> Bytes {
    let mut out = Vec::with_capacity(ENVELOPE + method.len() + params.size_hint());
    begin(&mut out, 3, NOTIFICATION);
    member(&mut out, "method", method);
    member(&mut out, "params", params);
    out.into()
}

/// Appends the chunk `name` of the response to request `id` to a buffer.
pub fn write_chunk(out: &mut Vec<u8>, id: &str, name: &str, data: &impl Encode) {
    out.reserve(ENVELOPE + id.len() + name.len() + data.size_hint());
    begin(out, 4, CHUNK);
    member(out, "id", id);
    member(out, "name", name);
    member(out, "data", data);
}

/// Encodes the request `id` for `method`, as a client sends it.
#[must_use]
pub fn request(id: &str, method: &str, params: &impl Encode) -> Bytes {
    let mut out = Vec::with_capacity(ENVELOPE + id.len() + method.len() + params.size_hint());
    begin(&mut out, 4, REQUEST);
    member(&mut out, "id", id);
    member(&mut out, "method", method);
    member(&mut out, "params", params);
    out.into()
}

fn begin(out: &mut Vec<u8>, members: usize, kind: i32) {
    map_head(out, members);
    member(out, "type", &kind);
}

fn member(out: &mut Vec<u8>, key: &str, value: &(impl Encode + ?Sized)) {
    text(out, key);
    value.encode(out);
}
