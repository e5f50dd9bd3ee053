//! Key set that a server publishes for its peers (federation §6.1).

use serde::Serialize;

use super::{KeyId, PeerKey};

/// Form of the `kid` in the published key set (`FEDERATION_JWKS_KID`, federation KY-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KidForm {
    /// Full key id URL, as original servers publish it.
    #[default]
    Full,
    /// All keys with their full ids, and once more with the fragments.
    Both,
}

#[derive(Serialize)]
struct Document<'k> {
    keys: Vec<Jwk<'k>>,
}

/// Members in the order of http §5.1.
#[derive(Serialize)]
struct Jwk<'k> {
    kid: &'k str,
    kty: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    crv: &'static str,
    x: String,
}

/// Writes the key set of `keys`, in their order, as JSON.
#[must_use]
pub fn key_set_document(keys: &[(KeyId, PeerKey)], form: KidForm) -> Vec<u8> {
    let jwk = |kid, key: &PeerKey| Jwk {
        kid,
        kty: "OKP",
        alg: "EdDSA",
        usage: "federation",
        crv: "Ed25519",
        x: key.to_base64url(),
    };
    let full = keys.iter().map(|(id, key)| jwk(id.as_str(), key));
    let fragments = keys.iter().filter(|_| form == KidForm::Both).map(|(id, key)| jwk(id.fragment(), key));
    // Serialization of strings does not fail.
    serde_json::to_vec(&Document { keys: full.chain(fragments).collect() }).unwrap_or_default()
}
