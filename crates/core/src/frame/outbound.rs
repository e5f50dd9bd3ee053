//! Encoding of whole messages.

use std::time::Duration;

use bytes::Bytes;

use super::{CHUNK, NOTIFICATION, REQUEST, RESPONSE};
use crate::ErrorCode;
use crate::cbor::{Encode, bytes_head, map_head, text};
use crate::wire::chunk;
use crate::wire::pull::PullRecord;

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

/// Encodes the error response to request `id` of a native server, with the time after which a repeat may succeed (federation
/// §9.9).
#[must_use]
pub fn error_with_retry(id: &str, code: ErrorCode, message: &str, retry_after: Duration) -> Bytes {
    let mut out = Vec::with_capacity(ENVELOPE + id.len() + message.len());
    begin(&mut out, 3, RESPONSE);
    member(&mut out, "id", id);
    text(&mut out, "error");
    map_head(&mut out, 3);
    member(&mut out, "code", code.as_str());
    member(&mut out, "message", message);
    text(&mut out, "data");
    map_head(&mut out, 1);
    member(&mut out, "retry_after_ms", &u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX));
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

/// Encodes the chunk `pull.record` of the response to request `id` without the bytes of its blob, of which there are
/// `blob_bytes`: returns what precedes them, and what follows them. `record` has an empty blob.
#[must_use]
pub fn record_around_blob(id: &str, record: &PullRecord<'_>, blob_bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let encoded = |blob| {
        let mut out = Vec::new();
        write_chunk(&mut out, id, chunk::PULL_RECORD, &PullRecord { blob: Some(blob), ..record.clone() });
        out
    };
    // Two encodings are the same up to the length of the blob. The shorter one has it in a single byte.
    let (mut before, longer) = (encoded(&[]), encoded(&[0]));
    let same = before.iter().zip(&longer).take_while(|(one, other)| one == other).count();
    let after = before.split_off(same).split_off(1);
    bytes_head(&mut before, blob_bytes);
    (before, after)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cursor, RecordId};

    #[test]
    fn record_around_its_blob_is_the_encoding_of_the_whole() {
        for length in [0, 1, 23, 24, 255, 256, 65_535, 65_536, 700_000] {
            for dek in [None, Some(&[9; 44][..])] {
                let blob = vec![0x41; length];
                let record = PullRecord {
                    space: "space",
                    id: RecordId::from_bytes([7; 16]),
                    blob: Some(&[]),
                    cursor: Cursor::new(300).unwrap(),
                    dek,
                    deleted: false,
                };
                let (before, after) = record_around_blob("id", &record, length);
                let mut whole = Vec::new();
                write_chunk(
                    &mut whole,
                    "id",
                    chunk::PULL_RECORD,
                    &PullRecord { blob: Some(&blob), ..record },
                );
                assert_eq!([before, blob, after].concat(), whole, "{length} bytes");
            }
        }
    }
}
