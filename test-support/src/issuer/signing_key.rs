//! One key pair of an issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey as Ecdsa};
use serde_json::{Value, json};

pub(super) struct SigningKey {
    kid: String,
    key: Ecdsa,
}

impl SigningKey {
    pub(super) fn random(kid: &str) -> Self {
        let mut drawn = std::iter::repeat_with(rand::random::<[u8; 32]>).take(8);
        let key = drawn.find_map(|bytes| Ecdsa::from_slice(&bytes).ok());
        Self { kid: kid.to_owned(), key: key.expect("eight draws") }
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// r ‖ s.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.to_bytes().to_vec()
    }

    pub(super) fn to_jwk(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: Option<&_>| bytes.map(|bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes));
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
            "x": coordinate(point.x().map(AsRef::as_ref)), "y": coordinate(point.y().map(AsRef::as_ref)),
        })
    }
}
