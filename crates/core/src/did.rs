//! DIDs: names of the keys of users and members.

use std::borrow::Borrow;
use std::fmt;

use crate::InvalidName;
use crate::name::check;

/// DID of a user or member: the name of a key in access tokens, UCANs and key shares, 1 to
/// [`limits::NAME`](crate::limits::NAME) bytes without a NUL. Compared byte by byte.
///
/// The store of key shares accepts any text; `less_sync_auth::did_key` decodes the key in it. Never logged: a DID
/// identifies a user.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Did(Box<str>);

impl Did {
    /// Start of the DID of a key in base58.
    pub const KEY_PREFIX: &str = "did:key:z";

    /// DID of a key, from its text in base58.
    #[must_use]
    pub fn of_key(base58: &str) -> Self {
        Self([Self::KEY_PREFIX, base58].concat().into())
    }

    /// Text of the DID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Did {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, InvalidName> {
        check(text).map(|()| Self(text.into()))
    }
}

impl TryFrom<String> for Did {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        check(&text).map(|()| Self(text.into()))
    }
}

impl Borrow<str> for Did {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Did {
    /// Writes the type name only: the value stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Did([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_did() {
        for text in ["did:key:z", "d", "é"] {
            assert_eq!(Did::try_from(text).map(|did| did.as_str().to_owned()), Ok(text.to_owned()));
        }
        assert_eq!(Did::try_from(""), Err(InvalidName::Empty));
        assert_eq!(Did::try_from("did:key:\0"), Err(InvalidName::Nul));
        assert_eq!(Did::try_from("d".repeat(256)), Err(InvalidName::TooLong));
        assert_eq!(Did::of_key("Dn").as_str(), "did:key:zDn");
        assert_eq!(format!("{:?}", Did::of_key("Dn")), "Did([redacted])");
    }
}
