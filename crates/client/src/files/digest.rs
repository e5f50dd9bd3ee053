//! `Repr-Digest` header with SHA-256 (RFC 9530).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Formats a header value.
pub(super) fn format(sha256: &[u8; 32]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(sha256))
}

/// Parses the SHA-256 of a header value; `None` if it has none.
pub(super) fn parse(value: &str) -> Option<[u8; 32]> {
    let digest = value.split(',').find_map(|entry| entry.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    BASE64_STANDARD.decode(digest?).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_round_trips_and_other_algorithms_are_ignored() {
        assert_eq!(parse(&format(&[7; 32])), Some([7; 32]));
        assert_eq!(parse(&format!("md5=:AAAA:, {}", format(&[7; 32]))), Some([7; 32]));
        for other in ["", "sha-256=:AAAA:", "sha-256=:?:", "sha-256=AAAA", "sha-512=:AAAA:"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
