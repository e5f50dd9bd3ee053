//! P-256 public keys, the only kind that verifies access tokens and UCANs.

use std::fmt;

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::{FieldBytes, Sec1Point};

const COORDINATE: usize = 32;

/// P-256 public key for ES256 verification only (auth S-02).
#[derive(Clone, PartialEq, Eq)]
pub struct P256Key(VerifyingKey);

impl P256Key {
    /// Creates the key at (`x`, `y`), big-endian; coordinates shorter than 32 bytes are padded on the left.
    ///
    /// `None` when a coordinate is empty or too long, or the point is not on the curve.
    #[must_use]
    pub fn from_coordinates(x: &[u8], y: &[u8]) -> Option<Self> {
        let point = Sec1Point::from_affine_coordinates(&padded(x)?, &padded(y)?, false);
        VerifyingKey::from_sec1_point(&point).ok().map(Self)
    }

    /// Decodes the compressed form: 33 bytes, the first 0x02 or 0x03. `None` for anything else.
    #[must_use]
    pub fn from_compressed(bytes: &[u8; 33]) -> Option<Self> {
        if !matches!(bytes.first(), Some(0x02 | 0x03)) {
            return None;
        }
        VerifyingKey::from_sec1_bytes(bytes).ok().map(Self)
    }

    /// Public part of `key`.
    pub(crate) fn of(key: &SigningKey) -> Self {
        Self(*key.verifying_key())
    }

    /// Compressed form.
    #[must_use]
    pub fn to_compressed(&self) -> [u8; 33] {
        let point = self.0.to_sec1_point(true);
        let mut bytes = [0; 33];
        bytes.iter_mut().zip(point.as_bytes()).for_each(|(target, byte)| *target = *byte);
        bytes
    }

    /// Verifies `signature`, 64 bytes r ‖ s, over `message`. Both s and n−s are valid.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256Key")
    }
}

fn padded(coordinate: &[u8]) -> Option<FieldBytes> {
    if coordinate.is_empty() {
        return None;
    }
    let mut field = FieldBytes::default();
    let start = COORDINATE.checked_sub(coordinate.len())?;
    field.get_mut(start..)?.copy_from_slice(coordinate);
    Some(field)
}
