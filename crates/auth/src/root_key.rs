//! Root public key of a shared space, the trust anchor of its UCAN chains.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::P256Key;

/// Bytes that are not a compressed P-256 point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a compressed P-256 public key")]
pub struct InvalidRootKey;

/// Root public key of a shared space: 33 bytes, a compressed point on P-256 (protocol §4.7). Equivalent to the owner's
/// DID, so `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootKey([u8; Self::LENGTH]);

impl RootKey {
    /// Length in bytes.
    pub const LENGTH: usize = 33;

    /// Compressed point, unchanged.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Compares two keys in constant time (auth S-01).
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey([redacted])")
    }
}

impl From<&P256Key> for RootKey {
    fn from(key: &P256Key) -> Self {
        Self(key.to_compressed())
    }
}

impl TryFrom<&[u8]> for RootKey {
    type Error = InvalidRootKey;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidRootKey> {
        let bytes: [u8; Self::LENGTH] = bytes.try_into().map_err(|_| InvalidRootKey)?;
        P256Key::from_compressed(&bytes).map(|_| Self(bytes)).ok_or(InvalidRootKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Root key of the squatted space in the vectors of derived ids.
    const POINT: [u8; 33] = [
        0x03, 0x2b, 0x68, 0x83, 0xe5, 0x7a, 0xd4, 0xb4, 0xa4, 0xa0, 0x91, 0x3e, 0xfc, 0x6c, 0xd8, 0x63, 0x5f,
        0xe1, 0x03, 0xb3, 0x7f, 0x4e, 0x7c, 0xd6, 0xea, 0xd4, 0xaf, 0x96, 0xf3, 0x3a, 0x9d, 0x83, 0xb2,
    ];

    #[test]
    fn a_compressed_point_is_a_root_key() {
        assert_eq!(RootKey::try_from(&POINT[..]).unwrap().as_bytes(), &POINT);
    }

    /// P-076 … P-078.
    #[test]
    fn other_sizes_other_tags_and_other_points_are_not() {
        let with_tag = |tag: u8| [&[tag], &POINT[1..]].concat();
        let off_curve = [&[0x02], &[0xff; 32][..]].concat();
        for wrong in
            [vec![], POINT[..32].to_vec(), [&POINT[..], &[0]].concat(), with_tag(4), with_tag(5), off_curve]
        {
            assert_eq!(RootKey::try_from(&wrong[..]), Err(InvalidRootKey), "{wrong:02x?}");
        }
    }
}
