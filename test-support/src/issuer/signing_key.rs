//! Signing keys of a test issuer, on `jsonwebtoken` and `aws-lc-rs`.
//!
//! Deliberately not on the code of this repository: tokens of tests come from another implementation of JWT and of ES256
//! than the one that verifies them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto, encode};
use serde_json::{Value, json};

use super::claims::Claims;
use super::es256;

/// An ES256 key pair with its key id.
pub(super) struct SigningKey {
    kid: String,
    key: EncodingKey,
    /// Uncompressed point: 0x04 ‖ x ‖ y.
    point: Vec<u8>,
}

impl SigningKey {
    /// Generates a key pair.
    pub(super) fn random(kid: &str) -> Self {
        es256::install();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key pair");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).expect("a key pair");
        let point = pair.public_key().as_ref().to_vec();
        Self { kid: kid.to_owned(), key: EncodingKey::from_ec_der(document.as_ref()), point }
    }

    /// Signs a token with the usual header.
    pub(super) fn sign(&self, claims: &Claims) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        encode(&header, &claims.to_json(), &self.key).expect("a signature")
    }

    /// Signs a token with an arbitrary header, which may contradict the signature.
    pub(super) fn sign_with_header(&self, header: &Value, claims: &Claims) -> String {
        let input = format!("{}.{}", segment(header), segment(&claims.to_json()));
        let signature = crypto::sign(input.as_bytes(), &self.key, Algorithm::ES256).expect("a signature");
        format!("{input}.{signature}")
    }

    /// Public key as a JWK.
    pub(super) fn to_jwk(&self) -> Value {
        let (x, y) = self.point[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

fn segment(content: &Value) -> String {
    URL_SAFE_NO_PAD.encode(content.to_string())
}
