//! What an access token says about itself; read, not verified.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use less_sync_client::AccessToken;
use less_sync_core::SpaceId;
use serde::Deserialize;

/// What the toolbox reads of a token.
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

/// What the token says; nothing, when it cannot be read.
pub(crate) fn read(token: &AccessToken) -> Claims {
    let payload = token.expose().split('.').nth(1).unwrap_or_default();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}

/// The personal space that the token names, if it names one.
pub(crate) fn personal_space(token: &AccessToken) -> Option<SpaceId> {
    read(token).personal_space_id?.parse().ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use pretty_assertions::assert_eq;

    use super::personal_space;

    #[test]
    fn personal_space_is_read_from_the_claims_and_from_nowhere_else() {
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
}
