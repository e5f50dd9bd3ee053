//! Signing keys of the issuer, and their file (operations §17.2): all are published, one signs.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

const VERSION: u32 = 1;
/// Maximum number of keys: verifiers reject larger sets (auth §3.1).
pub(crate) const MAX_KEYS: usize = 16;

/// File with the keys. `Debug` is not implemented: it has secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyDocument {
    version: u32,
    /// Id of the key that signs.
    pub(crate) signing: String,
    pub(crate) keys: Vec<KeyEntry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyEntry {
    pub(crate) kid: String,
    /// Unix time of its creation.
    pub(crate) created: i64,
    /// Private scalar: 32 bytes in base64url.
    secret: String,
}

impl Drop for KeyEntry {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl KeyEntry {
    /// Draws a random key.
    pub(crate) fn random(now: Timestamp) -> Self {
        loop {
            let secret = Zeroizing::new(rand::random::<[u8; 32]>());
            // About one draw in 2³² is not a valid scalar.
            if IssuerKey::from_bytes("", &secret).is_ok() {
                let kid = format!("{:016x}", rand::random::<u64>());
                return Self { kid, created: now.seconds(), secret: BASE64_URL_SAFE_NO_PAD.encode(*secret) };
            }
        }
    }

    fn key(&self) -> Option<IssuerKey> {
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(&self.secret).ok()?);
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.as_slice().try_into().ok()?);
        IssuerKey::from_bytes(self.kid.clone(), &bytes).ok()
    }
}

impl KeyDocument {
    /// File with one key.
    pub(crate) fn with(entry: KeyEntry) -> Self {
        Self { version: VERSION, signing: entry.kid.clone(), keys: vec![entry] }
    }

    /// Parses a file.
    ///
    /// # Errors
    /// First mistake, with its place; never a secret.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // The error of an invalid value would quote it.
        let place = |error: serde_json::Error| {
            format!("line {} column {}: not a file of keys", error.line(), error.column())
        };
        let document: Self = serde_json::from_str(text).map_err(place)?;
        if document.version != VERSION {
            return Err(format!("version {} of the format is not supported", document.version));
        }
        if document.keys.len() > MAX_KEYS {
            return Err(format!("more than {MAX_KEYS} keys"));
        }
        for (at, entry) in document.keys.iter().enumerate() {
            let is_first = document.keys.iter().position(|other| other.kid == entry.kid) == Some(at);
            if !(1..=256).contains(&entry.kid.len()) || !is_first {
                return Err(format!("keys[{at}]: kid is empty, too long or taken"));
            }
            if entry.key().is_none() {
                return Err(format!("keys[{at}]: secret is no P-256 key of 32 bytes in base64url"));
            }
        }
        let signs = document.keys.iter().any(|entry| entry.kid == document.signing);
        if signs { Ok(document) } else { Err("signing names none of the keys".to_owned()) }
    }
}

/// Keys in use.
pub(crate) struct SigningKeys {
    signing: IssuerKey,
    published: String,
    all: Vec<IssuerKey>,
}

impl SigningKeys {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document = KeyDocument::parse(text)?;
        let keys = || document.keys.iter().filter_map(KeyEntry::key);
        let signing = keys().find(|key| key.key_id() == document.signing);
        let all: Vec<_> = keys().collect();
        let published = jwks_document(&all).to_string();
        let signing = signing.ok_or("signing names none of the keys")?;
        Ok(Self { signing, published, all })
    }

    /// The key set document.
    pub(crate) fn published(&self) -> &str {
        &self.published
    }

    /// Signs claims as a token of the type `typ`.
    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = serde_json::json!({ "alg": "ES256", "kid": self.signing.key_id(), "typ": typ });
        self.signing.sign_with_header(&header, claims)
    }

    /// Claims of a token of the type `typ` that one of the keys has signed.
    pub(crate) fn open(&self, typ: &str, token: &str) -> Option<Map<String, Value>> {
        self.all.iter().find_map(|key| key.open(token, typ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> KeyDocument {
        let mut document = KeyDocument::with(KeyEntry::random(Timestamp::from_seconds(1)));
        document.keys.push(KeyEntry::random(Timestamp::from_seconds(2)));
        document
    }

    #[test]
    fn all_keys_are_published_and_open_tokens_and_one_signs() {
        let mut document = document();
        let text = serde_json::to_string(&document).unwrap();
        let before = SigningKeys::parse(&text).unwrap();
        let token = before.sign("refresh+jwt", &serde_json::json!({ "sub": "1" }));
        document.signing = document.keys[1].kid.clone();
        let after = SigningKeys::parse(&serde_json::to_string(&document).unwrap()).unwrap();
        assert_ne!(after.sign("t", &Value::Null), before.sign("t", &Value::Null));
        assert!(after.open("refresh+jwt", &token).is_some() && after.open("at+jwt", &token).is_none());
        let published: Value = serde_json::from_str(after.published()).unwrap();
        assert_eq!(published["keys"].as_array().unwrap().len(), 2);
        assert!(!after.published().contains("\"d\""), "private part");
    }

    #[test]
    fn mistakes_are_named_without_a_secret() {
        let text = serde_json::to_string(&document()).unwrap();
        let secret = document().keys[0].secret.clone();
        for (wrong, expected) in [
            (text.replacen("\"signing\":\"", "\"signing\":\"x", 1), "signing names none of the keys"),
            (text.replacen("\"secret\":\"", "\"secret\":\"??", 1), "keys[0]: secret is no P-256 key"),
            (text.replacen("\"version\":1", "\"version\":3", 1), "version 3"),
            (format!("\"{secret}\""), "line 1 column 45: not a file of keys"),
        ] {
            let error = KeyDocument::parse(&wrong).err().unwrap();
            assert!(error.starts_with(expected) && !error.contains(&secret), "{error}");
        }
    }
}
