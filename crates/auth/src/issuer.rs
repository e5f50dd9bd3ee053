//! Signing key of an access token issuer, for development servers, the standing issuer and tests; the server itself only
//! verifies.

use std::fmt;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Map, Value, json};

use crate::jws::Segments;
use crate::{P256Key, base64url};

/// Bytes that are not a P-256 private key: zero, or not below the order of the curve; one in 2³² random values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key")]
pub struct InvalidIssuerKey;

/// Key pair of an issuer with its key id.
///
/// Signatures are deterministic (RFC 6979): the same key and claims give the same token. The private part is
/// zeroized on drop.
pub struct IssuerKey {
    key_id: String,
    key: SigningKey,
}

impl IssuerKey {
    /// Creates the key pair from a private scalar, big-endian, usually 32 random bytes.
    ///
    /// # Errors
    /// [`InvalidIssuerKey`]: retry with other bytes.
    pub fn from_bytes(key_id: impl Into<String>, secret: &[u8; 32]) -> Result<Self, InvalidIssuerKey> {
        let key = SigningKey::from_slice(secret).map_err(|_| InvalidIssuerKey)?;
        Ok(Self { key_id: key_id.into(), key })
    }

    /// Key id: the `kid` of signed tokens.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Public part as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: Option<&_>| bytes.map(|bytes: &[u8]| base64url::encode(bytes));
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id,
            "x": coordinate(point.x().map(AsRef::as_ref)), "y": coordinate(point.y().map(AsRef::as_ref)),
        })
    }

    /// Signs a token with these claims and the usual header.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with_header(&json!({ "alg": "ES256", "kid": self.key_id, "typ": "at+jwt" }), claims)
    }

    /// Signs a token with these claims and an arbitrary header.
    #[must_use]
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Payload of a token that this key has signed with the type `typ`; `None` for any other text. Claims are not checked.
    ///
    /// For tokens that the issuer gives to itself: those of clients are verified by [`UnverifiedToken`](crate::UnverifiedToken).
    #[must_use]
    pub fn open(&self, token: &str, typ: &str) -> Option<Map<String, Value>> {
        let segments = Segments::split(token)?;
        let header: Map<String, Value> = serde_json::from_slice(&segments.header).ok()?;
        let is = |name: &str, value: &str| header.get(name).and_then(Value::as_str) == Some(value);
        let is_ours = is("alg", "ES256") && is("kid", &self.key_id) && is("typ", typ);
        let is_signed = P256Key::of(&self.key).verifies(segments.signed.as_bytes(), &segments.signature);
        if is_ours && is_signed { serde_json::from_slice(&segments.payload).ok() } else { None }
    }

    /// Signs a token with these texts as header and payload, which need not be JSON.
    #[must_use]
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let segment = |text: &str| base64url::encode(text.as_bytes());
        let signed = format!("{}.{}", segment(header), segment(payload));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", base64url::encode(&signature.to_bytes()))
    }
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuerKey([redacted])")
    }
}

/// JWKS document that publishes `keys`.
pub fn jwks_document<'k>(keys: impl IntoIterator<Item = &'k IssuerKey>) -> Value {
    json!({ "keys": keys.into_iter().map(IssuerKey::jwk).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_opened_by_its_key_under_its_type_only() {
        let key = |id: &str, secret: u8| IssuerKey::from_bytes(id, &[secret; 32]).unwrap();
        let signed = |typ: &str| {
            let header = json!({ "alg": "ES256", "kid": "a", "typ": typ });
            key("a", 7).sign_with_header(&header, &json!({ "sub": "1" }))
        };
        let payload = key("a", 7).open(&signed("refresh+jwt"), "refresh+jwt").unwrap();
        assert_eq!(payload.get("sub"), Some(&json!("1")));
        assert_eq!(key("a", 7).open(&signed("at+jwt"), "refresh+jwt"), None);
        assert_eq!(key("b", 7).open(&signed("refresh+jwt"), "refresh+jwt"), None);
        assert_eq!(key("a", 8).open(&signed("refresh+jwt"), "refresh+jwt"), None);
        assert_eq!(key("a", 7).open("e30.e30.AAAA", "refresh+jwt"), None);
    }
}
