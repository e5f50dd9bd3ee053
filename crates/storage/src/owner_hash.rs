//! Keyed hash of the owner of a space (storage §3.20, auth §4.3).

use std::fmt;

/// Keyed hash of the user who owns a space; it identifies the user only with the key. `Debug` shows nothing of the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerHash([u8; 32]);

impl OwnerHash {
    /// The hash with these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The form of the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for OwnerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_is_not_shown() {
        assert_eq!(format!("{:?}", OwnerHash::from_bytes([7; 32])), "OwnerHash([redacted])");
    }
}
