//! File metadata in response headers (http §7.4).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderName};
use less_sync_core::Dek;

use super::digest;
use super::error::FileError;

/// Metadata of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHead {
    /// Size of the ciphertext, in bytes.
    pub size: u64,
    /// Current wrapped key.
    pub dek: Dek,
    /// Validator of the content.
    pub etag: String,
    /// SHA-256 of the ciphertext, if the server has it.
    pub sha256: Option<[u8; 32]>,
}

impl FileHead {
    /// Metadata in a response with the whole file.
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, FileError> {
        let size = text(headers, &CONTENT_LENGTH).and_then(|size| size.parse().ok());
        Self::with_size(headers, size.ok_or(FileError::Malformed("no length"))?)
    }

    /// Offset and metadata in a response with a range to the end of the file.
    pub(super) fn parse_range(headers: &HeaderMap) -> Result<(u64, Self), FileError> {
        let range = text(headers, &CONTENT_RANGE).and_then(rest_of);
        let (from, size) = range.ok_or(FileError::Malformed("another range than requested"))?;
        Ok((from, Self::with_size(headers, size)?))
    }

    fn with_size(headers: &HeaderMap, size: u64) -> Result<Self, FileError> {
        let dek = text(headers, &HeaderName::from_static("x-wrapped-dek"));
        let dek = dek.and_then(|dek| Dek::try_from(BASE64_STANDARD.decode(dek).ok()?.as_slice()).ok());
        let digest = text(headers, &HeaderName::from_static("repr-digest"));
        Ok(Self {
            size,
            dek: dek.ok_or(FileError::Malformed("no wrapped key"))?,
            etag: text(headers, &ETAG).ok_or(FileError::Malformed("no ETag"))?.to_owned(),
            sha256: digest.and_then(digest::parse),
        })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Offset and total size of a `Content-Range` that extends to the end, such as `bytes 10-99/100`.
fn rest_of(range: &str) -> Option<(u64, u64)> {
    let (part, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, last) = part.split_once('-')?;
    let (from, last, size): (u64, u64, u64) = (from.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (from <= last && last.checked_add(1) == Some(size)).then_some((from, size))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use pretty_assertions::assert_eq;

    use super::*;

    fn headers(entries: &[(&'static str, &str)]) -> HeaderMap {
        let entry = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn size_key_and_validator_are_required() {
        let dek = BASE64_STANDARD.encode([7; 44]);
        let complete = [("content-length", "5"), ("x-wrapped-dek", &dek), ("etag", "\"e\"")];
        let expected =
            FileHead { size: 5, dek: Dek::from_bytes([7; 44]), etag: "\"e\"".to_owned(), sha256: None };
        assert_eq!(FileHead::parse(&headers(&complete)).unwrap(), expected);
        for missing in 0..complete.len() {
            let mut entries = complete.to_vec();
            entries.remove(missing);
            assert!(matches!(FileHead::parse(&headers(&entries)), Err(FileError::Malformed(_))));
        }
    }

    #[test]
    fn only_a_range_to_the_end_is_accepted() {
        assert_eq!(rest_of("bytes 10-99/100"), Some((10, 100)));
        for other in [
            "",
            "bytes */100",
            "bytes 10-98/100",
            "bytes 100-99/100",
            "items 0-9/10",
            "bytes 0-9/*",
            "bytes 0-18446744073709551615/0",
        ] {
            assert_eq!(rest_of(other), None, "{other}");
        }
    }
}
