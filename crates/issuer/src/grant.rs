//! Grant of a login, and the tokens that carry it: access tokens (auth §2) and refresh tokens.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use less_sync_auth::personal_space::personal_space_id;
use less_sync_core::{MailboxId, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::keys::SigningKeys;
use crate::settings::IssuerSettings;
use crate::users::User;

/// Type of access tokens (RFC 9068).
const ACCESS: &str = "at+jwt";
/// Type of refresh tokens. Servers reject it (auth §2.2): a refresh token is no access token.
const REFRESH: &str = "refresh+jwt";

/// Rights that a user has granted to an app by logging in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Id of the user (`sub`).
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) scope: String,
    /// DID whose key the device has proven.
    pub(crate) did: Option<String>,
    pub(crate) mailbox: Option<MailboxId>,
}

/// Tokens of a response.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) expires_in: u64,
    pub(crate) personal_space: String,
}

impl Grant {
    /// Signs the tokens of this grant for `user`.
    pub(crate) fn sign(
        &self,
        keys: &SigningKeys,
        user: &User,
        settings: &IssuerSettings,
        now: Timestamp,
    ) -> Tokens {
        let expires_in = settings.token_lifetime.as_secs();
        let personal_space =
            personal_space_id(settings.namespaces.first(), &settings.url, &self.user, &self.client)
                .to_string();
        let mut access = self.claims(settings, now);
        access.insert("aud".to_owned(), json!(settings.audience));
        access.insert("exp".to_owned(), json!(now.plus(settings.token_lifetime).seconds()));
        access.insert("jti".to_owned(), json!(format!("{:032x}", rand::random::<u128>())));
        access.insert("personal_space_id".to_owned(), json!(personal_space));
        let mut refresh = self.claims(settings, now);
        refresh.insert("aud".to_owned(), json!(settings.url));
        refresh.insert("exp".to_owned(), json!(now.plus(settings.refresh_lifetime).seconds()));
        refresh.insert("pwd".to_owned(), json!(fingerprint(user)));
        Tokens {
            access: keys.sign(ACCESS, &Value::Object(access)),
            refresh: keys.sign(REFRESH, &Value::Object(refresh)),
            expires_in,
            personal_space,
        }
    }

    fn claims(&self, settings: &IssuerSettings, now: Timestamp) -> Map<String, Value> {
        let mut claims = Map::new();
        let mailbox = self.mailbox.as_ref().map(MailboxId::to_hex);
        for (name, value) in [
            ("iss", Some(settings.url.clone())),
            ("sub", Some(self.user.clone())),
            ("client_id", Some(self.client.clone())),
            ("scope", Some(self.scope.clone())),
            ("did", self.did.clone()),
            ("mailbox_id", mailbox),
        ] {
            claims.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        claims.insert("iat".to_owned(), json!(now.seconds()));
        claims
    }

    /// Grant of a refresh token, and the fingerprint of the password under which it was given; `None` if the token is not a
    /// valid one of this issuer.
    pub(crate) fn of_refresh_token(
        keys: &SigningKeys,
        token: &str,
        settings: &IssuerSettings,
        now: Timestamp,
    ) -> Option<(Self, String)> {
        let claims = keys.open(REFRESH, token)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_current = claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| now.seconds() <= exp);
        let is_ours =
            text("iss").as_ref() == Some(&settings.url) && text("aud").as_ref() == Some(&settings.url);
        if !is_current || !is_ours {
            return None;
        }
        let mailbox = text("mailbox_id").map(|text| text.parse()).transpose().ok()?;
        let grant = Self {
            user: text("sub")?,
            client: text("client_id")?,
            scope: text("scope")?,
            did: text("did"),
            mailbox,
        };
        Some((grant, text("pwd")?))
    }
}

/// Fingerprint of a stored password: refresh tokens end with the password under which they were given.
pub(crate) fn fingerprint(user: &User) -> String {
    let digest: [u8; 32] = Sha256::digest(user.password.as_str()).into();
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}
