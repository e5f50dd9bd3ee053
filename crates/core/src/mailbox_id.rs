//! Where invitations for a user of an app arrive.

use std::fmt;
use std::str::FromStr;

/// Not 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mailbox id")]
pub struct InvalidMailboxId;

/// A mailbox: 32 octets that only its owner can link to a user (auth §4.2). Never logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxId([u8; 32]);

impl MailboxId {
    /// The mailbox with these 32 octets.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The form of the wire and of the database: 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, octet| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        })
    }
}

impl FromStr for MailboxId {
    type Err = InvalidMailboxId;

    fn from_str(text: &str) -> Result<Self, InvalidMailboxId> {
        let (pairs, odd) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !odd.is_empty() {
            return Err(InvalidMailboxId);
        }
        let mut octets = [0; 32];
        for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
            *octet = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(octets))
    }
}

fn digit(letter: u8) -> Result<u8, InvalidMailboxId> {
    match letter {
        b'0'..=b'9' => Ok(letter - b'0'),
        b'a'..=b'f' => Ok(letter - b'a' + 10),
        _ => Err(InvalidMailboxId),
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
