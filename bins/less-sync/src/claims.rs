//! What an access token says about itself; read, not verified.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use less_sync_client::AccessToken;
use less_sync_core::SpaceId;
use serde::Deserialize;

#[derive(Deserialize)]
struct Claims {
    personal_space_id: Option<String>,
}

/// The personal space that the token names, if it names one.
pub(crate) fn personal_space(token: &AccessToken) -> Option<SpaceId> {
    let payload = token.expose().split('.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok()?.personal_space_id?.parse().ok()
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
