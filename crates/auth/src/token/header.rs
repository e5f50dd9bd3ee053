//! Header of an access token (auth §2.2).

use super::InvalidToken;
use crate::json::Object;

const NAMES: &[&str] = &["alg", "crit", "typ", "kid"];
const ALGORITHM: &str = "ES256";
const TYPES: [&str; 4] = ["JWT", "at+jwt", "application/at+jwt", "JOSE"];

/// Maximum length of a key id, in bytes.
pub(crate) const MAX_KEY_ID_BYTES: usize = 256;

/// Variable part of the header. Embedded keys and key URLs are never read.
pub(super) struct Header {
    /// Key id; absent in tokens of issuers with a single key.
    pub(super) key_id: Option<String>,
}

impl Header {
    pub(super) fn read(text: &str) -> Result<Self, InvalidToken> {
        let header = Object::read(text, NAMES).map_err(|_| InvalidToken::Malformed)?;
        let member = |name| header.get::<String>(name);
        if member("alg") != Ok(Some(ALGORITHM.to_owned())) {
            return Err(InvalidToken::Algorithm);
        }
        if header.has("crit") {
            return Err(InvalidToken::CriticalHeader);
        }
        let kind = member("typ").map_err(|_| InvalidToken::Type)?;
        if kind.is_some_and(|kind| TYPES.iter().all(|known| !known.eq_ignore_ascii_case(&kind))) {
            return Err(InvalidToken::Type);
        }
        let key_id = member("kid").map_err(|_| InvalidToken::KeyId)?;
        if key_id.as_ref().is_some_and(|key_id| !is_key_id(key_id)) {
            return Err(InvalidToken::KeyId);
        }
        Ok(Self { key_id })
    }
}

pub(crate) fn is_key_id(text: &str) -> bool {
    (1..=MAX_KEY_ID_BYTES).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<String>, InvalidToken> {
        Header::read(text).map(|header| header.key_id)
    }

    #[test]
    fn the_type_may_be_spelled_in_any_case_or_left_out() {
        for kind in ["JWT", "jwt", "AT+JWT", "Application/At+Jwt", "JOSE"] {
            let text = format!(r#"{{"alg":"ES256","kid":"k","typ":"{kind}"}}"#);
            assert_eq!(read(&text), Ok(Some("k".into())), "{kind}");
        }
        assert_eq!(read(r#"{"alg":"ES256","kid":"k"}"#), Ok(Some("k".into())));
        assert_eq!(read(r#"{"alg":"ES256","kid":"k","typ":null}"#), Err(InvalidToken::Type));
    }

    #[test]
    fn the_algorithm_is_judged_before_all_else() {
        assert_eq!(read(r#"{"alg":"none","crit":[],"typ":7}"#), Err(InvalidToken::Algorithm));
        assert_eq!(read(r#"{"alg":["ES256"],"kid":"k"}"#), Err(InvalidToken::Algorithm));
        assert_eq!(read(r#"{"alg":"ES256","crit":null,"typ":7}"#), Err(InvalidToken::CriticalHeader));
        assert_eq!(read(r#"{"alg":"ES256","typ":7}"#), Err(InvalidToken::Type));
    }

    #[test]
    fn a_key_id_has_one_to_256_bytes_or_is_absent() {
        let named = |kid: &str| read(&format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#));
        assert!(named(&"k".repeat(256)).is_ok());
        for wrong in [String::new(), "k".repeat(257), "é".repeat(129)] {
            assert_eq!(named(&wrong), Err(InvalidToken::KeyId));
        }
        assert_eq!(read(r#"{"alg":"ES256"}"#), Ok(None));
        assert_eq!(read(r#"{"alg":"ES256","kid":null}"#), Err(InvalidToken::KeyId));
    }
}
