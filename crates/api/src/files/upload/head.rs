//! Validation of the request head of an upload (http §7.1, §7.2 rows 10 to 14).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use less_sync_core::{Dek, RecordId};

use crate::error::ApiError;
use crate::files::request::X_WRAPPED_DEK;
use crate::files::{address, digest};

const X_RECORD_ID: HeaderName = HeaderName::from_static("x-record-id");

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PAD);

/// Validated headers of an upload.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) record: RecordId,
    pub(super) dek: Dek,
    /// Announced length of the body, in bytes.
    pub(super) length: u64,
    pub(super) digest: Option<[u8; 32]>,
}

impl Head {
    /// Reads `headers` in the order of http §7.2; the first invalid one is the error.
    pub(super) fn read(headers: &HeaderMap, max_size: u64) -> Result<Self, ApiError> {
        let record = record(headers)?;
        let dek = dek(headers)?;
        let length = length(headers, max_size)?;
        encoding(headers)?;
        Ok(Self { record, dek, length, digest: digest::announced(headers)? })
    }
}

fn record(headers: &HeaderMap) -> Result<RecordId, ApiError> {
    let value = headers.get(X_RECORD_ID).ok_or(ApiError::bad_request("X-Record-ID header required"))?;
    let id = value.to_str().ok().and_then(address::id);
    id.map(RecordId::from).ok_or(ApiError::bad_request("X-Record-ID must be a valid UUID"))
}

fn dek(headers: &HeaderMap) -> Result<Dek, ApiError> {
    let value = headers.get(X_WRAPPED_DEK).ok_or(ApiError::bad_request("X-Wrapped-DEK header required"))?;
    let bytes = STANDARD.decode(value).or_else(|_| URL_SAFE.decode(value));
    let bytes = bytes.map_err(|_| ApiError::bad_request("X-Wrapped-DEK must be valid base64"))?;
    let dek = Dek::try_from(bytes.as_slice());
    dek.map_err(|_| ApiError::bad_request("X-Wrapped-DEK must decode to exactly 44 bytes"))
}

fn length(headers: &HeaderMap, max_size: u64) -> Result<u64, ApiError> {
    let value = headers.get(header::CONTENT_LENGTH);
    let value = value.ok_or(ApiError::new(StatusCode::LENGTH_REQUIRED, "Content-Length required"))?;
    // Two framings of one body enable request smuggling (RFC 9112 §6.1).
    let invalid = ApiError::bad_request("invalid Content-Length header");
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(invalid);
    }
    match digits(value) {
        Some(length) if length <= max_size => Ok(length),
        Some(_) => Err(ApiError::file_too_large(max_size)),
        None => Err(invalid),
    }
}

fn digits(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Rejects encoded bodies: bytes are stored as received, and a download would lack the encoding.
fn encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Encoding is not supported"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "0192f1a0-6b3c-7d2e-8f41-23456789abcd";

    fn rejected(change: impl FnOnce(&mut HeaderMap)) -> String {
        let mut headers = good();
        change(&mut headers);
        Head::read(&headers, 100).unwrap_err().text().to_owned()
    }

    fn good() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(X_RECORD_ID, HeaderValue::from_static(RECORD));
        headers.insert(X_WRAPPED_DEK, HeaderValue::from_str(&STANDARD.encode([0xfb; 44])).unwrap());
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("100"));
        headers
    }

    #[test]
    fn valid_head_is_read_in_every_spelling() {
        let mut headers = good();
        for (record, dek) in [
            (RECORD.to_owned(), STANDARD.encode([0xfb; 44])),
            (RECORD.replace('-', "").to_uppercase(), URL_SAFE.encode([0xfb; 44])),
        ] {
            headers.insert(X_RECORD_ID, record.parse().unwrap());
            headers.insert(X_WRAPPED_DEK, dek.parse().unwrap());
            let head = Head::read(&headers, 100).unwrap();
            assert_eq!((head.record, head.length, head.digest), (RECORD.parse().unwrap(), 100, None));
            assert_eq!(head.dek.as_bytes(), &[0xfb; 44]);
        }
    }

    /// http §7.2 rows 10 to 14, in their order.
    #[test]
    fn every_invalid_header_has_its_error() {
        let set = |name: HeaderName, value: &'static str| {
            move |headers: &mut HeaderMap| drop(headers.insert(name, HeaderValue::from_static(value)))
        };
        let drop_header = |name: HeaderName| move |headers: &mut HeaderMap| drop(headers.remove(name));
        assert_eq!(rejected(HeaderMap::clear), "X-Record-ID header required");
        assert_eq!(rejected(drop_header(X_RECORD_ID)), "X-Record-ID header required");
        assert_eq!(rejected(set(X_RECORD_ID, "x")), "X-Record-ID must be a valid UUID");
        assert_eq!(
            rejected(set(X_RECORD_ID, "{0192f1a0-6b3c-7d2e-8f41-23456789abcd}")),
            "X-Record-ID must be a valid UUID"
        );
        assert_eq!(rejected(drop_header(X_WRAPPED_DEK)), "X-Wrapped-DEK header required");
        assert_eq!(rejected(set(X_WRAPPED_DEK, "!")), "X-Wrapped-DEK must be valid base64");
        // No padding.
        assert_eq!(rejected(set(X_WRAPPED_DEK, "AAA")), "X-Wrapped-DEK must be valid base64");
        assert_eq!(rejected(set(X_WRAPPED_DEK, "AAAA")), "X-Wrapped-DEK must decode to exactly 44 bytes");
        assert_eq!(rejected(drop_header(header::CONTENT_LENGTH)), "Content-Length required");
        assert_eq!(rejected(set(header::CONTENT_LENGTH, "+1")), "invalid Content-Length header");
        assert_eq!(rejected(set(header::CONTENT_LENGTH, "")), "invalid Content-Length header");
        assert_eq!(rejected(set(header::TRANSFER_ENCODING, "chunked")), "invalid Content-Length header");
        assert_eq!(rejected(set(header::CONTENT_LENGTH, "101")), "file exceeds 0 MB limit");
        assert_eq!(rejected(set(header::CONTENT_LENGTH, "99999999999999999999")), "file exceeds 0 MB limit");
        assert_eq!(rejected(set(header::CONTENT_ENCODING, "gzip")), "Content-Encoding is not supported");
        assert_eq!(rejected(set(digest::REPR_DIGEST, "sha-256=x")), "invalid digest header");
    }
}
