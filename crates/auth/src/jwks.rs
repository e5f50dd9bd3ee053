//! JWKS documents: the key sets of issuers (auth §3.1).

pub mod cache;
mod query;
mod skipped;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use query::KeyQuery;
pub use skipped::{SkipReason, SkippedKey, SkippedKeys};

use crate::json::{Object, WrongType};
use crate::token::is_key_id;
use crate::{P256Key, base64url};

/// Maximum size of a key set document, in bytes. Fetching stops beyond this size.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

const MAX_ENTRIES: usize = 256;
const MEMBERS: &[&str] = &["kty", "crv", "x", "y", "kid", "use", "alg", "key_ops"];

/// Byte-order mark, which some issuers put before the document.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Usable keys of one issuer, immutable.
#[derive(Clone)]
pub struct KeySet {
    /// Keys by key id.
    keys: HashMap<String, Arc<P256Key>>,
    /// Usable key of a document that has no other one.
    only: Option<Arc<P256Key>>,
    skipped: SkippedKeys,
}

/// Document that counts as a failed fetch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// Document without a single ES256 signing key.
    #[error("key set document has no usable key ({0})")]
    NoUsableKey(SkippedKeys),
}

impl KeySet {
    /// Parses a document. Unusable entries are skipped one by one; of several entries with the same key id the last
    /// usable one wins. An entry without a key id is usable if it is the only usable one.
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
        let (mut keys, mut unnamed, mut skipped) = (HashMap::new(), Vec::new(), Vec::new());
        for (position, entry) in entries.iter().enumerate() {
            let entry = Entry::read(entry.get());
            match (entry.key_id, entry.key) {
                (Some(key_id), Ok(key)) => drop(keys.insert(key_id, Arc::new(key))),
                (None, Ok(key)) => unnamed.push((position, Arc::new(key))),
                (key_id, Err(reason)) => skipped.push(SkippedKey { position, key_id, reason }),
            }
        }
        if !keys.is_empty() || unnamed.len() > 1 {
            let unnamed = unnamed.drain(..).map(|(position, _)| position);
            let reason = SkipReason::NoKeyId;
            skipped.extend(unnamed.map(|position| SkippedKey { position, key_id: None, reason }));
        }
        let skipped = SkippedKeys(skipped);
        let only = match (keys.len(), unnamed.pop()) {
            (0, None) => return Err(KeySetInvalid::NoUsableKey(skipped)),
            (0, Some((_, key))) => Some(key),
            (1, _) => keys.values().next().cloned(),
            _ => None,
        };
        Ok(Self { keys, only, skipped })
    }

    /// Key for the key id of a token: the one of this name, or for a token without a key id the only usable key of the
    /// document.
    #[must_use]
    pub fn key<'k>(&self, key_id: impl Into<Option<&'k str>>) -> Option<&Arc<P256Key>> {
        match key_id.into() {
            Some(key_id) => self.keys.get(key_id),
            None => self.only.as_ref(),
        }
    }

    /// Unusable entries of the document.
    #[must_use]
    pub const fn skipped(&self) -> &SkippedKeys {
        &self.skipped
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.keys.len())
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

fn entries(document: &[u8]) -> Option<Vec<&RawValue>> {
    let document = document.strip_prefix(BYTE_ORDER_MARK).unwrap_or(document);
    let text = str::from_utf8(document).ok()?;
    Object::read(text, &["keys"]).ok()?.get("keys").ok()?
}

/// Entry of a document, with its key id if that is a text.
struct Entry {
    key_id: Option<String>,
    key: Result<P256Key, SkipReason>,
}

impl Entry {
    fn read(text: &str) -> Self {
        let Ok(members) = Object::read(text, MEMBERS) else {
            return Self { key_id: None, key: Err(SkipReason::Malformed) };
        };
        let (key_id, key) = match optional::<String>(&members, "kid") {
            Ok(None) => (None, usable_key(&members)),
            Ok(Some(key_id)) if is_key_id(&key_id) => (Some(key_id), usable_key(&members)),
            Ok(Some(_)) | Err(_) => (None, Err(SkipReason::KeyId)),
        };
        Self { key_id, key }
    }
}

/// Decodes an EC P-256 key for ES256 signatures.
fn usable_key(members: &Object<'_>) -> Result<P256Key, SkipReason> {
    let text = |name| optional::<String>(members, name);
    let is = |name, value: &str| text(name).is_ok_and(|found| found.as_deref() == Some(value));
    let may_be = |name, value: &str| text(name).is_ok_and(|found| found.is_none_or(|found| found == value));
    let operations = optional::<Vec<String>>(members, "key_ops");
    let may_verify = |operations: Vec<String>| operations.iter().any(|operation| operation == "verify");
    for (holds, reason) in [
        (is("kty", "EC"), SkipReason::KeyType),
        (is("crv", "P-256"), SkipReason::Curve),
        (may_be("use", "sig"), SkipReason::Use),
        (may_be("alg", "ES256"), SkipReason::Algorithm),
        (operations.is_ok_and(|operations| operations.is_none_or(may_verify)), SkipReason::Operations),
    ] {
        if !holds {
            return Err(reason);
        }
    }
    let coordinate = |name| base64url::decode(unpadded(&text(name).ok()??));
    let point = coordinate("x").zip(coordinate("y"));
    point.and_then(|(x, y)| P256Key::from_coordinates(&x, &y)).ok_or(SkipReason::Point)
}

/// Reads a member that may be absent or `null`.
fn optional<'t, T: Deserialize<'t>>(members: &Object<'t>, name: &str) -> Result<Option<T>, WrongType> {
    members.get::<Option<T>>(name).map(Option::flatten)
}

/// Removes the padding of base64: two characters at most.
fn unpadded(text: &str) -> &str {
    let once = text.strip_suffix('=').unwrap_or(text);
    once.strip_suffix('=').unwrap_or(once)
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
        with_in(jwk("k", 7), name, value)
    }

    fn with_in(mut jwk: Value, name: &str, value: Value) -> Value {
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
            with("kid", json!(7)),
            with("use", json!("enc")),
            with("use", json!(7)),
            with("alg", json!("ES384")),
            with("key_ops", json!([])),
            with("key_ops", json!(["sign"])),
            with("key_ops", json!("verify")),
            with("x", json!("AAA===")),
        ];
        for entry in wrong.clone() {
            assert!(!is_usable(entry.clone()), "{entry}");
        }
        let set = parse(&[&wrong[..], &[jwk("good", 7)]].concat()).unwrap();
        assert!(set.key("good").is_some());
        assert_eq!(set.skipped().len(), wrong.len());
    }

    #[test]
    fn only_kind_point_and_name_are_required() {
        let mut bare = jwk("k", 7);
        bare.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "use" | "alg"));
        assert!(is_usable(bare));
        assert!(is_usable(with("key_ops", json!(["sign", "verify"]))));
        assert!(is_usable(with("x5c", json!(["AAAA"]))));
    }

    /// Forms of real issuers: `null` for absent members, padded coordinates, a byte-order mark.
    #[test]
    fn published_forms_of_a_usable_key_are_read() {
        for name in ["use", "alg", "key_ops", "kid"] {
            assert!(is_usable(with(name, json!(null))), "{name}");
        }
        for name in ["x", "y"] {
            let padded = jwk("k", 7)[name].as_str().unwrap().to_owned() + "=";
            assert!(is_usable(with(name, padded.into())), "{name}");
        }
        let document = format!("\u{feff}{}", json!({ "keys": [jwk("k", 7)] }));
        assert!(KeySet::parse(document.as_bytes()).unwrap().key("k").is_some());
    }

    #[test]
    fn the_only_usable_key_serves_tokens_without_a_key_id() {
        let unnamed = |seed| with_in(jwk("k", seed), "kid", json!(null));
        let named = parse(&[jwk("k", 7), with("kty", json!("RSA"))]).unwrap();
        assert_eq!(named.key(None), named.key("k"));
        assert!(named.key(None).is_some());
        let set = parse(&[unnamed(7)]).unwrap();
        assert_eq!((set.key(None), set.key("k")), (named.key(None), None));
        assert!(parse(&[jwk("k", 7), jwk("l", 8)]).unwrap().key(None).is_none());
        assert!(matches!(parse(&[unnamed(7), unnamed(8)]), Err(KeySetInvalid::NoUsableKey(_))));
        let beside = parse(&[jwk("k", 7), unnamed(8)]).unwrap();
        assert_eq!(beside.key(None), named.key(None));
        assert_eq!(beside.skipped().to_string(), "key 1: no key id beside other keys");
    }

    #[test]
    fn a_repeated_member_makes_an_entry_unusable() {
        let entry = jwk("k", 7).to_string().replacen('{', r#"{"kid":"k","#, 1);
        let rejection = KeySet::parse(format!(r#"{{"keys":[{entry}]}}"#).as_bytes()).unwrap_err();
        let text = "key set document has no usable key (key 0: not an object, or with a repeated member)";
        assert_eq!(rejection.to_string(), text);
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
        assert_eq!(failure(r#"{"keys":[]}"#), KeySetInvalid::NoUsableKey(SkippedKeys::default()));
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
