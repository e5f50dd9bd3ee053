//! Key set of a peer (federation KY-6).

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use super::{KeyId, PeerKey};

/// Maximum number of entries of a key set.
pub const MAX_KEYS: usize = 64;

/// Document that is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeerKeySet {
    /// Not a JSON object with an array `keys`.
    #[error("key set is not a JSON object with keys")]
    Malformed,
    /// More than 64 entries.
    #[error("key set has more than 64 keys")]
    TooMany,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    crv: String,
    #[serde(rename = "use")]
    usage: String,
    alg: Option<String>,
    x: String,
}

/// Federation keys that a peer publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerKeySet {
    keys: Vec<(String, PeerKey)>,
    ambiguous: Vec<String>,
}

impl PeerKeySet {
    /// Parses a key set. Entries of other kinds and malformed ones are skipped; of different keys under one `kid` none is kept.
    ///
    /// # Errors
    /// [`InvalidPeerKeySet`].
    pub fn parse(json: &[u8]) -> Result<Self, InvalidPeerKeySet> {
        let document: Document = serde_json::from_slice(json).map_err(|_| InvalidPeerKeySet::Malformed)?;
        if document.keys.len() > MAX_KEYS {
            return Err(InvalidPeerKeySet::TooMany);
        }
        let mut keys: Vec<(String, PeerKey)> = Vec::new();
        let mut ambiguous = HashSet::new();
        for (kid, key) in document.keys.into_iter().filter_map(entry) {
            match keys.iter().find(|(known, _)| *known == kid) {
                Some((_, known)) if *known == key => {}
                Some(_) => drop(ambiguous.insert(kid)),
                None => keys.push((kid, key)),
            }
        }
        keys.retain(|(kid, _)| !ambiguous.contains(kid));
        let mut ambiguous: Vec<String> = ambiguous.into_iter().collect();
        ambiguous.sort();
        Ok(Self { keys, ambiguous })
    }

    /// Keys whose `kid` is `key_id` or its fragment.
    #[must_use]
    pub fn matching(&self, key_id: &KeyId) -> Vec<PeerKey> {
        let is_match = |kid: &str| kid == key_id.as_str() || kid == key_id.fragment();
        self.keys.iter().filter(|(kid, _)| is_match(kid)).map(|(_, key)| *key).collect()
    }

    /// Values of `kid` with different keys: worth an alert.
    #[must_use]
    pub fn ambiguous(&self) -> &[String] {
        &self.ambiguous
    }
}

/// Federation key of an entry; `None` for an entry of another kind or a malformed one.
fn entry(value: Value) -> Option<(String, PeerKey)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let is_signing = jwk.kty == "OKP" && jwk.crv == "Ed25519" && jwk.usage == "federation";
    let is_known = jwk.alg.is_none_or(|alg| alg == "EdDSA");
    if !is_signing || !is_known {
        return None;
    }
    Some((jwk.kid, PeerKey::from_base64url(&jwk.x).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::federation::SigningKey;

    fn x(fill: u8) -> String {
        SigningKey::from_seed(&[fill; 32]).public().to_base64url()
    }

    fn jwk(kid: &str, fill: u8) -> Value {
        json!({"kid": kid, "kty": "OKP", "alg": "EdDSA", "use": "federation", "crv": "Ed25519", "x": x(fill)})
    }

    fn changed(member: &str, value: Value) -> Value {
        let mut entry = jwk("k", 1);
        entry[member] = value;
        entry
    }

    fn matching(keys: &[Value], kid: &str) -> Vec<String> {
        let set = PeerKeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        set.matching(&kid.parse().unwrap()).into_iter().map(PeerKey::to_base64url).collect()
    }

    const ID: &str = "https://a.example/.well-known/jwks.json#k";

    #[test]
    fn full_ids_and_fragments_match() {
        assert_eq!(matching(&[jwk(ID, 1), jwk("k", 2), jwk("other", 3)], ID), [x(1), x(2)]);
        assert_eq!(matching(&[jwk("https://b.example/.well-known/jwks.json#k", 1)], ID), [""; 0]);
    }

    #[test]
    fn entries_of_other_kinds_are_skipped() {
        let mut without_alg = jwk("k", 1);
        without_alg.as_object_mut().unwrap().remove("alg");
        assert_eq!(matching(&[without_alg], ID), [x(1)]);
        for entry in [
            changed("kty", json!("EC")),
            changed("crv", json!("X25519")),
            changed("use", json!("sig")),
            changed("alg", json!("ES256")),
            changed("x", json!("AA")),
            changed("x", json!(7)),
            changed("kid", Value::Null),
            json!("text"),
        ] {
            assert_eq!(matching(&[entry.clone(), jwk("k", 2)], ID), [x(2)], "{entry}");
        }
    }

    /// Federation TH-6, T-406.
    #[test]
    fn th_6_poisoned_key_sets_are_rejected_or_bounded() {
        let many: Vec<Value> = (0..=MAX_KEYS).map(|_| jwk("k", 1)).collect();
        let many = json!({ "keys": many }).to_string();
        assert_eq!(PeerKeySet::parse(many.as_bytes()), Err(InvalidPeerKeySet::TooMany));
        let twice =
            json!({"keys": [jwk("k", 1), jwk("k", 2), jwk("k", 1), jwk("m", 3), jwk("m", 3)]}).to_string();
        let set = PeerKeySet::parse(twice.as_bytes()).unwrap();
        assert_eq!(set.ambiguous(), ["k"]);
        assert!(set.matching(&ID.parse().unwrap()).is_empty());
        let weak = changed("x", json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        assert_eq!(matching(&[weak], ID), [""; 0]);
        for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]"] {
            assert_eq!(PeerKeySet::parse(text.as_bytes()), Err(InvalidPeerKeySet::Malformed), "{text}");
        }
    }
}
