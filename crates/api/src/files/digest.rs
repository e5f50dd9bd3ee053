//! Digest headers of bodies (RFC 9530): `sha-256=:…:`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::request::ascii;
use crate::error::ApiError;

pub(super) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// Header value of a SHA-256.
pub(super) fn format(sha256: &[u8; 32]) -> HeaderValue {
    ascii(&std::format!("sha-256=:{}:", STANDARD.encode(sha256)))
}

/// SHA-256 announced by `Repr-Digest` or `Content-Digest`; other algorithms are ignored. Two different values are a
/// mismatch, whatever the body is.
pub(super) fn announced(headers: &HeaderMap) -> Result<Option<[u8; 32]>, ApiError> {
    let mut announced = None;
    for line in headers.get_all(REPR_DIGEST).iter().chain(headers.get_all(CONTENT_DIGEST)) {
        let line = line.to_str().map_err(|_| INVALID)?;
        for member in line.split(',').map(str::trim) {
            let Some(value) = member.strip_prefix("sha-256=") else { continue };
            let digest = parse(value).ok_or(INVALID)?;
            if announced.replace(digest).is_some_and(|earlier| earlier != digest) {
                return Err(ApiError::bad_request("digest mismatch"));
            }
        }
    }
    Ok(announced)
}

const INVALID: ApiError = ApiError::bad_request("invalid digest header");

fn parse(value: &str) -> Option<[u8; 32]> {
    let encoded = value.strip_prefix(':')?.strip_suffix(':')?;
    STANDARD.decode(encoded).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(HeaderName, &str)]) -> Result<Option<[u8; 32]>, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        announced(&headers).map_err(|error| error.text().to_owned())
    }

    #[test]
    fn sha_256_is_read_under_both_names_and_others_are_ignored() {
        let (seven, eight) = ([7; 32], [8; 32]);
        let text = format(&seven).to_str().unwrap().to_owned();
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(REPR_DIGEST, "sha-512=:AAAA:")]), Ok(None));
        assert_eq!(read(&[(REPR_DIGEST, &format!("md5=:AA==:, {text}"))]), Ok(Some(seven)));
        assert_eq!(read(&[(CONTENT_DIGEST, &text), (REPR_DIGEST, &text)]), Ok(Some(seven)));
        let other = format(&eight).to_str().unwrap().to_owned();
        assert_eq!(
            read(&[(CONTENT_DIGEST, &text), (REPR_DIGEST, &other)]),
            Err("digest mismatch".to_owned())
        );
    }

    #[test]
    fn malformed_digest_is_rejected() {
        for bad in ["sha-256=", "sha-256=abc", "sha-256=:AAAA:", "sha-256=:AA AA:", "sha-256=:::"] {
            assert_eq!(read(&[(REPR_DIGEST, bad)]), Err("invalid digest header".to_owned()), "{bad}");
        }
    }
}
