//! Where somebody can be invited.

use std::fmt;
use std::str::FromStr;

use less_sync_auth::did_key;
use less_sync_core::MailboxId;

/// Not `DID@MAILBOX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address: did:key:…@ and 64 hexadecimal digits")]
pub struct InvalidAddress;

/// The key of somebody and their mailbox, in one text to hand over: `did:key:zDn…@0508…`. Whoever has it can invite;
/// it gives no rights. Get it from the person: whoever can change it on its way gets the invitation instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    did: String,
    mailbox: MailboxId,
}

impl Address {
    /// The address of the holder of `did`.
    ///
    /// # Errors
    /// It is no `did:key` of a P-256 key.
    pub fn new(did: &str, mailbox: MailboxId) -> Result<Self, InvalidAddress> {
        did_key::decode(did).map_err(|_| InvalidAddress)?;
        Ok(Self { did: did.to_owned(), mailbox })
    }

    /// Whose.
    #[must_use]
    pub fn did(&self) -> &str {
        &self.did
    }

    /// Where their invitations arrive.
    #[must_use]
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (did, mailbox) = text.trim().split_once('@').ok_or(InvalidAddress)?;
        Self::new(did, mailbox.parse().map_err(|_| InvalidAddress)?)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.did, self.mailbox.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Identity;

    #[test]
    fn an_address_survives_being_handed_over() {
        let identity = Identity::random();
        let address = Address::new(identity.did(), identity.mailbox("i", "u")).unwrap();
        assert_eq!(format!(" {address}\n").parse(), Ok(address));
    }

    #[test]
    fn other_texts_are_no_addresses() {
        let did = Identity::random().did().to_owned();
        let mailbox = "0".repeat(64);
        for wrong in [
            String::new(),
            did.clone(),
            format!("{did}@"),
            format!("@{mailbox}"),
            format!("{did}x@{mailbox}"),
        ] {
            assert_eq!(wrong.parse::<Address>(), Err(InvalidAddress), "{wrong}");
        }
    }
}
