//! Claims of an access token, decoded without verification.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use less_sync_client::AccessToken;
use less_sync_core::SpaceId;
use serde::Deserialize;

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
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
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

    use super::personal_space;

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
}
