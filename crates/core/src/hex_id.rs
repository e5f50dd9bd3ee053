//! 32-byte identifiers with a hexadecimal text form: CIDs of UCANs and mailbox ids.

use std::fmt;
use std::str::FromStr;

use crate::hex;

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $(#[$error_doc:meta])* $error:ident, $message:literal) => {
        $(#[$error_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;

        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Raw value, 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Text form on the wire and in databases: 64 lowercase hexadecimal digits.
            #[must_use]
            pub fn to_hex(&self) -> String {
                hex::encode(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = $error;

            /// Parses the text form. Uppercase digits are rejected, so equal values have equal texts.
            fn from_str(text: &str) -> Result<Self, $error> {
                hex::decode_32(text).map(Self).ok_or($error)
            }
        }

        impl fmt::Debug for $name {
            /// Writes the type name only: the value stays out of logs.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

hex_id! {
    /// CID of a UCAN: the SHA-256 of its text, the name under which revocations are recorded (auth §6.5). Never logged:
    /// a CID links a member to a space.
    Cid,
    /// Text that is not 64 lowercase hexadecimal digits.
    InvalidCid, "not the CID of a UCAN"
}

hex_id! {
    /// Mailbox of a user of an app: the address of invitations (auth §4.2). Only its owner can link it to a user. Never
    /// logged.
    MailboxId,
    /// Text that is not 64 lowercase hexadecimal digits.
    InvalidMailboxId, "not a mailbox id"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "08410dc483b1eb61136fbbd7346cc1e8baf29ff1922a4bd0716729000920aee8";

    #[test]
    fn text_form_round_trips_and_debug_redacts_the_value() {
        let cid: Cid = TEXT.parse().unwrap();
        let mailbox: MailboxId = TEXT.parse().unwrap();
        assert_eq!((cid.to_hex().as_str(), mailbox.to_hex().as_str()), (TEXT, TEXT));
        assert_eq!(format!("{cid:?} {mailbox:?}"), "Cid([redacted]) MailboxId([redacted])");
    }

    #[test]
    fn only_sixty_four_lowercase_digits_are_accepted() {
        for wrong in ["", &"a".repeat(63), &"a".repeat(65), &"A".repeat(64), &"g".repeat(64), &"é".repeat(32)]
        {
            assert_eq!(wrong.parse::<Cid>(), Err(InvalidCid), "{wrong}");
            assert_eq!(wrong.parse::<MailboxId>(), Err(InvalidMailboxId), "{wrong}");
        }
    }
}
