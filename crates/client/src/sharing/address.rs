//! Addresses for invitations.

use std::fmt;
use std::str::FromStr;

use less_sync_auth::did_key;
use less_sync_core::{Did, MailboxId};

/// Malformed address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address: did:key:…@ and 64 hexadecimal digits")]
pub struct InvalidAddress;

/// Address of a user for invitations, `DID@MAILBOX`: `did:key:zDn…@0508…`. It is not secret and grants no rights, but it
/// must be authentic: an attacker who replaces it in transit receives the invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    did: Did,
    mailbox: MailboxId,
}

impl Address {
    /// Address of the holder of `did`.
    ///
    /// # Errors
    /// `did` is not a `did:key` of a P-256 key.
    pub fn new(did: &Did, mailbox: MailboxId) -> Result<Self, InvalidAddress> {
        did_key::decode(did.as_str()).map_err(|_| InvalidAddress)?;
        Ok(Self { did: did.clone(), mailbox })
    }

    /// `did:key` of the user.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// Mailbox of the user.
    #[must_use]
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (did, mailbox) = text.trim().split_once('@').ok_or(InvalidAddress)?;
        let did = Did::try_from(did).map_err(|_| InvalidAddress)?;
        Self::new(&did, mailbox.parse().map_err(|_| InvalidAddress)?)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.did.as_str(), self.mailbox.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Identity;

    #[test]
    fn address_round_trips_through_text() {
        let identity = Identity::random();
        let address = Address::new(identity.did(), identity.mailbox("i", "u")).unwrap();
        assert_eq!(format!(" {address}\n").parse(), Ok(address));
    }

    #[test]
    fn malformed_addresses_are_rejected() {
        let did = Identity::random().did().as_str().to_owned();
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
