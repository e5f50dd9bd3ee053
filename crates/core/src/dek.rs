//! Wrapped data encryption keys (DEKs).

use std::fmt;

/// Kind of item that has a data key of its own. Names of methods, tables and errors follow from this value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DekKind {
    /// Records.
    Record,
    /// Files.
    File,
}

/// Byte string that is not 44 bytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a wrapped data key is exactly 44 bytes")]
pub struct InvalidDek;

/// Wrapped data key: four bytes of epoch (big endian), then forty opaque bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dek([u8; Dek::LENGTH]);

impl Dek {
    /// Length in bytes.
    pub const LENGTH: usize = 44;

    /// Wraps 44 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Raw value, 44 bytes, unchanged from the client.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Dek::LENGTH] {
        &self.0
    }

    /// Epoch prefix as an unsigned number (storage §1.1); not checked against any space.
    #[must_use]
    pub const fn epoch_prefix(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl TryFrom<&[u8]> for Dek {
    type Error = InvalidDek;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidDek> {
        bytes.try_into().map(Self).map_err(|_| InvalidDek)
    }
}

impl fmt::Debug for Dek {
    /// Writes the epoch prefix only: key material stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dek(epoch {})", self.epoch_prefix())
    }
}
