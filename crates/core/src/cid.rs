//! Under which name a UCAN is revoked.

use std::fmt;
use std::str::FromStr;

use crate::hex;

/// Not 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the cid of a ucan")]
pub struct InvalidCid;

/// The SHA-256 of a UCAN's text (auth §6.5). Never logged: it links a member to a space.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid([u8; 32]);

impl Cid {
    /// The cid with these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The form of the wire and of the database: 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl FromStr for Cid {
    type Err = InvalidCid;

    /// Uppercase digits are rejected: equal cids have equal texts.
    fn from_str(text: &str) -> Result<Self, InvalidCid> {
        hex::decode_32(text).map(Self).ok_or(InvalidCid)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cid([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_survives_and_debug_shows_nothing_of_it() {
        let text = "08410dc483b1eb61136fbbd7346cc1e8baf29ff1922a4bd0716729000920aee8";
        let cid: Cid = text.parse().unwrap();
        assert_eq!(cid.to_hex(), text);
        assert_eq!(format!("{cid:?}"), "Cid([redacted])");
    }

    #[test]
    fn only_sixty_four_lowercase_digits_are_a_cid() {
        for wrong in ["", &"a".repeat(63), &"a".repeat(65), &"A".repeat(64), &"g".repeat(64), &"é".repeat(32)]
        {
            assert_eq!(wrong.parse::<Cid>(), Err(InvalidCid), "{wrong}");
        }
    }
}
