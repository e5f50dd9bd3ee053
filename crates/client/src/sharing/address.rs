//! Addresses for invitations.

use std::fmt;
use std::str::FromStr;

use less_sync_auth::did_key;
use less_sync_core::{CanonicalDomain, Did, MailboxId};

/// Malformed address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an address: did:key:…@ and 64 hexadecimal digits, with @ and a server if it is on another one"
)]
pub struct InvalidAddress;

/// Address of a user for invitations, `DID@MAILBOX` or `DID@MAILBOX@SERVER`: `did:key:zDn…@0508…@other.example`. It is not
/// secret and grants no rights, but it must be authentic: an attacker who replaces it in transit receives the invitation.
///
/// The server is its name among its peers, with a port if it has one of its own (federation §2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    did: Did,
    mailbox: MailboxId,
    server: Option<CanonicalDomain>,
}

impl Address {
    /// Address of the holder of `did`.
    ///
    /// # Errors
    /// `did` is not a `did:key` of a P-256 key.
    pub fn new(did: &Did, mailbox: MailboxId) -> Result<Self, InvalidAddress> {
        did_key::decode(did.as_str()).map_err(|_| InvalidAddress)?;
        Ok(Self { did: did.clone(), mailbox, server: None })
    }

    /// The same user, for senders whose server is another one than `server`.
    #[must_use]
    pub fn at(self, server: CanonicalDomain) -> Self {
        Self { server: Some(server), ..self }
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

    /// Server of the mailbox; `None`: that of the sender.
    #[must_use]
    pub fn server(&self) -> Option<&CanonicalDomain> {
        self.server.as_ref()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (did, rest) = text.trim().split_once('@').ok_or(InvalidAddress)?;
        let (mailbox, server) =
            rest.split_once('@').map_or((rest, None), |(mailbox, server)| (mailbox, Some(server)));
        let did = Did::try_from(did).map_err(|_| InvalidAddress)?;
        let address = Self::new(&did, mailbox.parse().map_err(|_| InvalidAddress)?)?;
        let Some(server) = server else { return Ok(address) };
        Ok(address.at(server.parse().map_err(|_| InvalidAddress)?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.did.as_str(), self.mailbox.to_hex())?;
        self.server.as_ref().map_or(Ok(()), |server| write!(f, "@{server}"))
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
        assert_eq!(format!(" {address}\n").parse(), Ok(address.clone()));
        for server in ["other.example", "other.example:8443", "127.0.0.2:5379", "[::1]:5379"] {
            let there = address.clone().at(server.parse().unwrap());
            assert!(there.to_string().ends_with(&format!("@{server}")), "{there}");
            assert_eq!(there.to_string().parse(), Ok(there));
        }
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
            format!("{did}@{mailbox}@"),
            format!("{did}@other.example"),
            format!("{did}@{mailbox}@other example"),
            format!("{did}@{mailbox}@one.example@other.example"),
        ] {
            assert_eq!(wrong.parse::<Address>(), Err(InvalidAddress), "{wrong}");
        }
    }
}
