//! The other side of an access token: an issuer's key. Development servers and tests issue tokens with it; the
//! server only ever verifies.

use std::fmt;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use crate::base64url;

/// Bytes that are no P-256 private key: zero, or not below the order of the curve. One draw in 2³² is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key")]
pub struct InvalidIssuerKey;

/// A key pair of an issuer, and the name under which it is published.
///
/// The same key and claims give the same token: signatures are deterministic (RFC 6979). The private part is
/// erased on drop.
pub struct IssuerKey {
    key_id: String,
    key: SigningKey,
}

impl IssuerKey {
    /// The key with this private scalar, big-endian: 32 random bytes make one.
    ///
    /// # Errors
    /// [`InvalidIssuerKey`]: draw again.
    pub fn from_bytes(key_id: impl Into<String>, secret: &[u8; 32]) -> Result<Self, InvalidIssuerKey> {
        let key = SigningKey::from_slice(secret).map_err(|_| InvalidIssuerKey)?;
        Ok(Self { key_id: key_id.into(), key })
    }

    /// The `kid` of the tokens it signs.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public part as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: Option<&_>| bytes.map(|bytes: &[u8]| base64url::encode(bytes));
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id,
            "x": coordinate(point.x().map(AsRef::as_ref)), "y": coordinate(point.y().map(AsRef::as_ref)),
        })
    }

    /// The token with these claims.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with_header(&json!({ "alg": "ES256", "kid": self.key_id, "typ": "at+jwt" }), claims)
    }

    /// The token with these claims and this header, whatever it says.
    #[must_use]
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The token with these texts for header and payload. Whether they are JSON is not looked at.
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

/// The key set document that publishes `keys`.
pub fn jwks_document<'k>(keys: impl IntoIterator<Item = &'k IssuerKey>) -> Value {
    json!({ "keys": keys.into_iter().map(IssuerKey::jwk).collect::<Vec<_>>() })
}
