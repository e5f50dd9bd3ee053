//! SHA-256 in headers (RFC 9530).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// As `Repr-Digest` says it.
pub(super) fn written(sha256: &[u8; 32]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(sha256))
}

/// The SHA-256 among the digests of a header; `None` when there is none.
pub(super) fn read(value: &str) -> Option<[u8; 32]> {
    let written =
        value.split(',').find_map(|entry| entry.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    BASE64_STANDARD.decode(written?).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_being_written_and_others_are_passed_over() {
        assert_eq!(read(&written(&[7; 32])), Some([7; 32]));
        assert_eq!(read(&format!("md5=:AAAA:, {}", written(&[7; 32]))), Some([7; 32]));
        for other in ["", "sha-256=:AAAA:", "sha-256=:?:", "sha-256=AAAA", "sha-512=:AAAA:"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
