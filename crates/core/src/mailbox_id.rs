//! Where invitations for a user of an app arrive.

use std::fmt;
use std::str::FromStr;

use crate::hex;

/// Not 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mailbox id")]
pub struct InvalidMailboxId;

/// A mailbox: 32 bytes that only its owner can link to a user (auth §4.2). Never logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxId([u8; 32]);

impl MailboxId {
    /// The mailbox with these 32 bytes.
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

impl FromStr for MailboxId {
    type Err = InvalidMailboxId;

    fn from_str(text: &str) -> Result<Self, InvalidMailboxId> {
        hex::decode_32(text).map(Self).ok_or(InvalidMailboxId)
    }
}

impl fmt::Debug for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailboxId([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_survives() {
        let text = "0508709e48d2b9898f850e221f2acc2f027ef7d215407705bc5bc472b495ba11";
        assert_eq!(text.parse::<MailboxId>().unwrap().to_hex(), text);
    }

    #[test]
    fn only_sixty_four_lowercase_digits_are_a_mailbox() {
        for wrong in ["", &"a".repeat(63), &"a".repeat(65), &"A".repeat(64), &"g".repeat(64), &"é".repeat(32)]
        {
            assert_eq!(wrong.parse::<MailboxId>(), Err(InvalidMailboxId), "{wrong}");
        }
    }
}
