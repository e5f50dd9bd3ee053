//! JWKS documents: the key sets of issuers (auth §3.1).

pub mod cache;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::json::Object;
use crate::token::is_key_id;
use crate::{P256Key, base64url};

/// Maximum size of a key set document, in bytes. Fetching stops beyond this size.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

const MAX_ENTRIES: usize = 256;
const MEMBERS: &[&str] = &["kty", "crv", "x", "y", "kid", "use", "alg", "key_ops"];

/// Usable keys of one issuer by key id, immutable.
#[derive(Clone)]
pub struct KeySet {
    keys: HashMap<String, Arc<P256Key>>,
    skipped: usize,
}

/// Document that counts as a failed fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetInvalid {
    /// Document larger than [`MAX_DOCUMENT_BYTES`].
    #[error("key set document is too large")]
    TooLarge,
    /// Document that is not a JSON object with a list of keys.
    #[error("key set document has no list of keys")]
    Malformed,
    /// Document with too many keys.
    #[error("key set document has too many keys")]
    TooManyKeys,
    /// Document without a single named ES256 signing key.
    #[error("key set document has no usable key")]
    NoUsableKey,
}

impl KeySet {
    /// Parses a document. Unusable entries are skipped one by one; of several entries with the same key id the last
    /// usable one wins.
    ///
    /// # Errors
    /// [`KeySetInvalid`]: the caller keeps the previous set.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetInvalid> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(KeySetInvalid::TooLarge);
        }
        let entries = entries(document).ok_or(KeySetInvalid::Malformed)?;
        if entries.len() > MAX_ENTRIES {
            return Err(KeySetInvalid::TooManyKeys);
        }
        let usable: Vec<_> = entries.iter().filter_map(|entry| usable_key(entry.get())).collect();
        if usable.is_empty() {
            return Err(KeySetInvalid::NoUsableKey);
        }
        let skipped = entries.len() - usable.len();
        Ok(Self { keys: usable.into_iter().collect(), skipped })
    }

    /// Key with the id `key_id`.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&Arc<P256Key>> {
        self.keys.get(key_id)
    }

    /// Number of unusable entries in the document.
    #[must_use]
    pub const fn skipped(&self) -> usize {
        self.skipped
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys.len()).field("skipped", &self.skipped).finish()
    }
}

fn entries(document: &[u8]) -> Option<Vec<&RawValue>> {
    let text = str::from_utf8(document).ok()?;
    Object::read(text, &["keys"]).ok()?.get("keys").ok()?
}

/// Returns key id and key if `entry` is an EC P-256 key for ES256 signatures.
fn usable_key(entry: &str) -> Option<(String, Arc<P256Key>)> {
    let entry = Object::read(entry, MEMBERS).ok()?;
    let text = |name| entry.get::<String>(name).ok();
    let required = |name| text(name).flatten();
    let absent_or =
        |name, value: &str| text(name).is_some_and(|found| found.is_none_or(|found| found == value));
    let may_verify = entry
        .get::<Vec<String>>("key_ops")
        .is_ok_and(|found| found.is_none_or(|operations| operations.iter().any(|each| each == "verify")));
    if required("kty")? != "EC" || required("crv")? != "P-256" {
        return None;
    }
    if !absent_or("use", "sig") || !absent_or("alg", "ES256") || !may_verify {
        return None;
    }
    let key_id = required("kid").filter(|key_id| is_key_id(key_id))?;
    let coordinate = |name| base64url::decode(&required(name)?);
    let key = P256Key::from_coordinates(&coordinate("x")?, &coordinate("y")?)?;
    Some((key_id, Arc::new(key)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::issuer::{IssuerKey, jwks_document};

    fn jwk(key_id: &str, seed: u8) -> Value {
        IssuerKey::from_bytes(key_id, &[seed; 32]).unwrap().jwk()
    }

    fn with(name: &str, value: Value) -> Value {
        let mut jwk = jwk("k", 7);
        jwk[name] = value;
        jwk
    }

    fn parse(entries: &[Value]) -> Result<KeySet, KeySetInvalid> {
        KeySet::parse(json!({ "keys": entries }).to_string().as_bytes())
    }

    fn is_usable(entry: Value) -> bool {
        parse(&[entry]).is_ok()
    }

    /// Four rejections of the original's JWK parser, and further ones.
    #[test]
    fn entries_that_are_not_ours_to_use_are_skipped() {
        let x = |bytes: &[u8]| with("x", base64url::encode(bytes).into());
        let wrong = [
            json!(null),
            json!("key"),
            json!([]),
            with("kty", json!("RSA")),
            with("crv", json!("P-384")),
            with("x", json!("not base64!")),
            with("x", json!(7)),
            x(&[]),
            x(&[1; 32]),
            x(&[1; 33]),
            with("kid", json!("")),
            with("kid", json!("k".repeat(257))),
            with("kid", json!(null)),
            with("use", json!("enc")),
            with("use", json!(null)),
            with("alg", json!("ES384")),
            with("key_ops", json!([])),
            with("key_ops", json!(["sign"])),
            with("key_ops", json!("verify")),
        ];
        for entry in wrong.clone() {
            assert!(!is_usable(entry.clone()), "{entry}");
        }
        let set = parse(&[&wrong[..], &[jwk("good", 7)]].concat()).unwrap();
        assert!(set.key("good").is_some());
        assert_eq!(set.skipped(), wrong.len());
    }

    #[test]
    fn only_kind_point_and_name_are_required() {
        let mut bare = jwk("k", 7);
        bare.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "use" | "alg"));
        assert!(is_usable(bare));
        assert!(is_usable(with("key_ops", json!(["sign", "verify"]))));
        assert!(is_usable(with("x5c", json!(["AAAA"]))));
    }

    #[test]
    fn a_repeated_member_makes_an_entry_unusable() {
        let entry = jwk("k", 7).to_string().replacen('{', r#"{"kid":"k","#, 1);
        assert_eq!(
            KeySet::parse(format!(r#"{{"keys":[{entry}]}}"#).as_bytes()).unwrap_err(),
            KeySetInvalid::NoUsableKey
        );
    }

    #[test]
    fn the_last_usable_key_of_a_name_wins() {
        let set = parse(&[jwk("k", 7), jwk("k", 8), with("use", json!("enc"))]).unwrap();
        let alone = parse(&[jwk("k", 8)]).unwrap();
        assert_eq!(set.key("k"), alone.key("k"));
        assert_ne!(set.key("k"), parse(&[jwk("k", 7)]).unwrap().key("k"));
    }

    #[test]
    fn a_document_that_is_none_counts_as_a_failed_fetch() {
        let failure = |document: &str| KeySet::parse(document.as_bytes()).unwrap_err();
        for document in
            ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[],"keys":[]}"#, "<html>"]
        {
            assert_eq!(failure(document), KeySetInvalid::Malformed, "{document}");
        }
        assert_eq!(failure(r#"{"keys":[]}"#), KeySetInvalid::NoUsableKey);
        assert_eq!(failure(&" ".repeat(MAX_DOCUMENT_BYTES + 1)), KeySetInvalid::TooLarge);
    }

    #[test]
    fn a_document_has_at_most_256_entries() {
        let keys =
            |count: usize| -> Vec<_> { (0..count).map(|number| jwk(&number.to_string(), 7)).collect() };
        assert!(parse(&keys(256)).is_ok());
        assert_eq!(parse(&keys(257)).unwrap_err(), KeySetInvalid::TooManyKeys);
    }

    #[test]
    fn published_key_set_is_usable() {
        let key = IssuerKey::from_bytes("k", &[7; 32]).unwrap();
        assert!(KeySet::parse(jwks_document([&key]).to_string().as_bytes()).unwrap().key("k").is_some());
    }
}
