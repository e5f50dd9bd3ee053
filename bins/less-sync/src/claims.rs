//! Claims of an access token, decoded without verification.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use less_sync_client::AccessToken;
use less_sync_core::SpaceId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::advised::advised;

/// Claims that the toolbox uses.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Claims {
    personal_space_id: Option<String>,
    #[serde(rename = "iss")]
    pub(crate) issuer: Option<String>,
    #[serde(rename = "sub")]
    pub(crate) user: Option<String>,
    pub(crate) did: Option<String>,
    pub(crate) mailbox_id: Option<String>,
}

/// Decodes the claims; all are `None` for a token that is not a JWT.
pub(crate) fn decode(token: &AccessToken) -> Claims {
    let payload = token.expose().split('.').nth(1).unwrap_or_default();
    json(payload).unwrap_or_default()
}

/// Access token with this text, which a user has given. `place`: where the text comes from, for the error.
///
/// # Errors
/// The text is not a JWT, so that no server accepts it. The error does not contain the text.
pub(crate) fn access_token(text: &str, place: &str) -> anyhow::Result<AccessToken> {
    // Editors may put a byte-order mark before a text.
    let text = text.trim_start_matches('\u{feff}').trim();
    let is_object = |part| json::<Map<String, Value>>(part).is_some();
    let is_token = match text.split('.').collect::<Vec<_>>()[..] {
        [header, payload, signature] => is_object(header) && is_object(payload) && !signature.is_empty(),
        _ => false,
    };
    if is_token {
        return Ok(text.into());
    }
    let found = match text {
        "" => "is empty",
        _ if text.starts_with("Bearer ") => "begins with Bearer: leave that word out",
        _ => "is not a JWT, which has three parts with dots between them",
    };
    let step = "give the text of an access token, or @ and the path of a file that contains nothing else";
    Err(advised(format!("the access token {place} {found}"), step))
}

/// Part of a JWT.
fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Personal space named by the token.
pub(crate) fn personal_space(token: &AccessToken) -> Option<SpaceId> {
    decode(token).personal_space_id?.parse().ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use pretty_assertions::assert_eq;

    use super::{access_token, personal_space};

    #[test]
    fn personal_space_is_decoded_from_its_claim_only() {
        let id = "0c0d1a2b-0000-5000-8000-000000000001";
        let token = |claims: &str| format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims)).into();
        let space = personal_space(&token(&format!(r#"{{"personal_space_id":"{id}"}}"#)));
        assert_eq!(space.map(|space| space.to_string()).as_deref(), Some(id));
        for token in
            [token("{}"), token(r#"{"personal_space_id":"x"}"#), token("[]"), "opaque".into(), "a.?.c".into()]
        {
            assert_eq!(personal_space(&token), None);
        }
    }

    #[test]
    fn text_that_is_no_token_is_rejected_without_being_shown() {
        let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.c2ln", encoded("{}"), encoded(r#"{"iss":"https://a.example"}"#));
        for text in [token.clone(), format!("\u{feff}{token}\r\n")] {
            assert_eq!(access_token(&text, "of --token").unwrap().expose(), token);
        }
        for (text, found) in [
            (String::new(), "is empty"),
            (" \n".to_owned(), "is empty"),
            ("secret".to_owned(), "is not a JWT"),
            ("secret.secret.secret".to_owned(), "is not a JWT"),
            (format!("{token}.secret"), "is not a JWT"),
            (token.trim_end_matches("c2ln").to_owned(), "is not a JWT"),
            (format!("{}.{}.secret", encoded("[]"), encoded("{}")), "is not a JWT"),
            (format!("{{\"token\":\"{token}\"}}"), "is not a JWT"),
            (format!("Bearer {token}"), "leave that word out"),
        ] {
            let error = format!("{:#}", access_token(&text, "of --token").unwrap_err());
            assert!(error.starts_with("the access token of --token ") && error.contains(found), "{error}");
            assert!(!error.contains("secret") && !error.contains(&token), "{error}");
        }
    }
}
