//! Secret keys: 32 bytes, erased on drop.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hkdf::Hkdf;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Secret of 32 bytes, erased on drop. `Debug` does not show it; the serde form is base64url.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; Self::LENGTH]);

impl Secret {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// Random secret.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Secret of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Bytes, for use or storage.
    #[must_use]
    pub const fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// HKDF-SHA-256 of `material` (RFC 5869).
    pub(crate) fn derive(salt: &[u8], material: &[u8], info: &[&[u8]]) -> Self {
        let mut derived = [0; Self::LENGTH];
        // Cannot fail: HKDF-SHA-256 expands to up to 255 × 32 bytes.
        let _always = Hkdf::<Sha256>::new(Some(salt), material).expand_multi_info(info, &mut derived);
        Self(derived)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64.encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        match BASE64.decode_slice(text.as_str(), &mut *bytes) {
            Ok(Self::LENGTH) => Ok(Self(*bytes)),
            Ok(_) | Err(_) => Err(D::Error::custom("expected 32 bytes in base64url")),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    /// RFC 5869, A.1, the first 32 bytes of the output.
    #[test]
    fn derivation_is_hkdf_with_sha_256() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let (head, tail): (Vec<u8>, Vec<u8>) = ((0xf0..=0xf4).collect(), (0xf5..=0xf9).collect());
        let derived = Secret::derive(&salt, &[0x0b; 22], &[&head, &tail]);
        assert_eq!(
            less_sync_core::hex::encode(derived.expose()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        );
    }

    #[test]
    fn secret_round_trips_through_json_and_other_values_are_rejected() {
        let secret = Secret::random();
        let text = serde_json::to_string(&secret).unwrap();
        assert_eq!(text.len(), 45);
        assert_eq!(serde_json::from_str::<Secret>(&text).unwrap().expose(), secret.expose());
        for wrong in ["\"\"", "\"AAAA\"", "\"?\"", "1", &format!("\"{}\"", "A".repeat(60))] {
            assert!(serde_json::from_str::<Secret>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from_bytes([7; 32])), "Secret([redacted])");
    }
}
