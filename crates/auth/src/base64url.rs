//! Canonical base64url without padding (b64u, auth §0).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes `text`; `None` when it is padded, uses another alphabet or has non-zero unused bits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_read() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        for other in ["_-8=", "/+8", "_-9", "_-8 ", "_", "_\n-8"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
