//! Ed25519 keys of servers: public keys of peers and own signing keys (federation §6.2).

use std::fmt;

use ed25519_dalek::{Signature, Signer as _};
use zeroize::Zeroizing;

use crate::base64url;

/// Length of a public key and of a seed, in bytes.
pub const KEY_BYTES: usize = 32;

/// Length of a signature, in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// Bytes that are not an Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeerKey {
    /// Text other than canonical base64url without padding.
    #[error("key is not base64url without padding")]
    Base64,
    /// Length other than 32 bytes.
    #[error("key has {0} bytes instead of 32")]
    Length(usize),
    /// Bytes that encode no point of the curve.
    #[error("key is not a point of the curve")]
    Point,
    /// Point of small order: signatures of it verify over any message.
    #[error("key is a point of small order")]
    SmallOrder,
}

/// Ed25519 public key of a server: a point of the curve, not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PeerKey(ed25519_dalek::VerifyingKey);

impl PeerKey {
    /// Decodes the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// [`InvalidPeerKey`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPeerKey> {
        let bytes: &[u8; KEY_BYTES] = bytes.try_into().map_err(|_| InvalidPeerKey::Length(bytes.len()))?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| InvalidPeerKey::Point)?;
        if key.is_weak() { Err(InvalidPeerKey::SmallOrder) } else { Ok(Self(key)) }
    }

    /// Decodes the member `x` of a JWK: base64url without padding.
    ///
    /// # Errors
    /// [`InvalidPeerKey`].
    pub fn from_base64url(text: &str) -> Result<Self, InvalidPeerKey> {
        Self::from_bytes(&base64url::decode(text).ok_or(InvalidPeerKey::Base64)?)
    }

    /// Encoded point, 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.as_bytes()
    }

    /// Member `x` of a JWK.
    #[must_use]
    pub fn to_base64url(self) -> String {
        base64url::encode(self.as_bytes())
    }

    /// Verifies `signature` over `message`, strictly: canonical scalar, no point of small order (federation §6.2).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({})", self.to_base64url())
    }
}

/// Ed25519 private key of this server, zeroized on drop. Neither clonable nor printable (auth S-12).
#[expect(missing_debug_implementations, reason = "keys are not shown (auth S-12)")]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Derives the key from a 32-byte seed of RFC 8032.
    #[must_use]
    pub fn from_seed(seed: &[u8; KEY_BYTES]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Seed of the key.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Seed of the key as base64url, for a command that prints it on request.
    #[must_use]
    pub fn seed_base64url(&self) -> String {
        base64url::encode(&*self.seed())
    }

    /// Public part of the key.
    #[must_use]
    pub fn public(&self) -> PeerKey {
        PeerKey(self.0.verifying_key())
    }

    /// Signs `message`. Deterministic: the same message has the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Federation A.1.
    #[test]
    fn public_keys_are_derived_from_the_seed() {
        let key = SigningKey::from_seed(&[7; 32]);
        assert_eq!(key.public().to_base64url(), "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw");
        assert!(key.public().verifies(b"text", &key.sign(b"text")));
        assert!(!key.public().verifies(b"other", &key.sign(b"text")));
    }

    /// Federation TH-6, T-406.
    #[test]
    fn th_6_keys_of_small_order_and_texts_without_a_key_are_rejected() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PeerKey::from_bytes(&identity), Err(InvalidPeerKey::SmallOrder));
        assert_eq!(PeerKey::from_bytes(&[0; 32]), Err(InvalidPeerKey::SmallOrder));
        assert_eq!(PeerKey::from_bytes(&[2; 31]), Err(InvalidPeerKey::Length(31)));
        let mut outside = [0; 32];
        outside[0] = 2;
        assert_eq!(PeerKey::from_bytes(&outside), Err(InvalidPeerKey::Point));
        assert_eq!(PeerKey::from_base64url("AA=="), Err(InvalidPeerKey::Base64));
    }
}
