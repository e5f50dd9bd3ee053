//! What the server says about a file, beside its content (http §7.4).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderName};
use less_sync_core::Dek;

use super::digest;
use super::error::FileError;

/// A file as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHead {
    /// Bytes of ciphertext.
    pub size: u64,
    /// The key that opens it now, wrapped.
    pub dek: Dek,
    /// The validator of its content.
    pub etag: String,
    /// SHA-256 of the ciphertext, where it is known.
    pub sha256: Option<[u8; 32]>,
}

impl FileHead {
    /// Of an answer with the whole file.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, FileError> {
        let size = text(headers, &CONTENT_LENGTH).and_then(|size| size.parse().ok());
        Self::with_size(headers, size.ok_or(FileError::Malformed("it has no length"))?)
    }

    /// Of an answer with the bytes from some place to the end; answers that place, too.
    pub(super) fn read_part(headers: &HeaderMap) -> Result<(u64, Self), FileError> {
        let range = text(headers, &CONTENT_RANGE).and_then(rest_of);
        let (from, size) = range.ok_or(FileError::Malformed("it is another part than the one asked for"))?;
        Ok((from, Self::with_size(headers, size)?))
    }

    fn with_size(headers: &HeaderMap, size: u64) -> Result<Self, FileError> {
        let dek = text(headers, &HeaderName::from_static("x-wrapped-dek"));
        let dek = dek.and_then(|dek| Dek::try_from(BASE64_STANDARD.decode(dek).ok()?.as_slice()).ok());
        let digest = text(headers, &HeaderName::from_static("repr-digest"));
        Ok(Self {
            size,
            dek: dek.ok_or(FileError::Malformed("it has no wrapped key"))?,
            etag: text(headers, &ETAG).ok_or(FileError::Malformed("it has no ETag"))?.to_owned(),
            sha256: digest.and_then(digest::read),
        })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Where `bytes 10-99/100` begins and how long the whole is, if it goes on to the end.
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
    fn a_head_says_size_key_and_validator_or_is_none() {
        let dek = BASE64_STANDARD.encode([7; 44]);
        let complete = [("content-length", "5"), ("x-wrapped-dek", &dek), ("etag", "\"e\"")];
        let expected =
            FileHead { size: 5, dek: Dek::from_bytes([7; 44]), etag: "\"e\"".to_owned(), sha256: None };
        assert_eq!(FileHead::read(&headers(&complete)).unwrap(), expected);
        for missing in 0..complete.len() {
            let mut entries = complete.to_vec();
            entries.remove(missing);
            assert!(matches!(FileHead::read(&headers(&entries)), Err(FileError::Malformed(_))));
        }
    }

    #[test]
    fn only_a_range_to_the_end_is_the_rest() {
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
