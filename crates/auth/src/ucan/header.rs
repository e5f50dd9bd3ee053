//! Header of a UCAN (auth §6.1).

use super::InvalidUcan;
use crate::json::Object;

const NAMES: &[&str] = &["alg", "crit", "typ"];
const ALGORITHM: &str = "ES256";
const TYPE: &str = "JWT";

/// Checks that the header announces a UCAN. Embedded keys are never read: the key is always the one inside `iss`.
pub(super) fn check(text: &str) -> Result<(), InvalidUcan> {
    let header = Object::read(text, NAMES).map_err(|_| InvalidUcan::Malformed)?;
    let member = |name| header.get::<String>(name);
    if member("alg") != Ok(Some(ALGORITHM.to_owned())) {
        return Err(InvalidUcan::Algorithm);
    }
    if header.has("crit") {
        return Err(InvalidUcan::CriticalHeader);
    }
    match member("typ") {
        Ok(kind) if kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(TYPE)) => Ok(()),
        _ => Err(InvalidUcan::Type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_may_be_spelled_in_any_case_or_left_out() {
        for text in [
            r#"{"alg":"ES256"}"#,
            r#"{"alg":"ES256","typ":"JWT"}"#,
            r#"{"alg":"ES256","typ":"jwt"}"#,
            r#"{"alg":"ES256","typ":"Jwt","kid":7,"kid":8,"jwk":{},"jku":"https://keys.example"}"#,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn another_algorithm_a_critical_member_and_another_type_are_rejected_in_this_order() {
        for (text, rejection) in [
            (r#"["ES256"]"#, InvalidUcan::Malformed),
            (r#"{"alg":"ES256","alg":"ES256"}"#, InvalidUcan::Malformed),
            (r"{}", InvalidUcan::Algorithm),
            (r#"{"alg":"es256"}"#, InvalidUcan::Algorithm),
            (r#"{"alg":["ES256"],"crit":[]}"#, InvalidUcan::Algorithm),
            (r#"{"alg":"ES256","crit":null,"typ":7}"#, InvalidUcan::CriticalHeader),
            (r#"{"alg":"ES256","typ":7}"#, InvalidUcan::Type),
            (r#"{"alg":"ES256","typ":null}"#, InvalidUcan::Type),
            (r#"{"alg":"ES256","typ":"at+jwt"}"#, InvalidUcan::Type),
        ] {
            assert_eq!(check(text), Err(rejection), "{text}");
        }
    }
}
