//! Revocations: permanently revoked cids of a space (storage §3.10).

use std::fmt;

use async_trait::async_trait;
use less_sync_core::{Cid, SpaceId, limits};

use crate::{AdminGrant, StorageError};

/// An empty text, or one of more than [`limits::UCAN_CID`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cid to revoke has 1 to 128 bytes")]
pub struct InvalidRevokedCid;

/// CID in a revocation request: 1 to 128 bytes of text, not necessarily the hash of any token (protocol
/// §4.10). `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RevokedCid(Box<str>);

impl RevokedCid {
    /// The cid with this text.
    ///
    /// # Errors
    /// [`InvalidRevokedCid`].
    pub fn new(text: &str) -> Result<Self, InvalidRevokedCid> {
        if (1..=limits::UCAN_CID).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidRevokedCid)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Cid> for RevokedCid {
    fn from(cid: Cid) -> Self {
        Self(cid.to_hex().into())
    }
}

impl fmt::Debug for RevokedCid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RevokedCid([redacted])")
    }
}

/// Revocations of a space. Their existence only: neither author nor time is stored.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Revokes every chain that contains the token `cid`, in this space and permanently. Idempotent. Applies to every
    /// operation on the space that begins after the return, on every node (storage T12). Moves no cursor.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`] when the caller's own chain is revoked.
    async fn revoke(&self, grant: &AdminGrant, cid: &RevokedCid) -> Result<(), StorageError>;

    /// Looks up the revocation of `cid` in `space`; false in a space that does not exist.
    ///
    /// # Errors
    /// Failures of the database.
    async fn is_revoked(&self, space: SpaceId, cid: &RevokedCid) -> Result<bool, StorageError>;

    /// Looks up the revocation of any of the `cids` of a chain in `space`, in one statement. For credentials that are
    /// checked apart from the operation they permit (downloads); all other operations look up their chain themselves.
    ///
    /// # Errors
    /// Failures of the database.
    async fn any_revoked(&self, space: SpaceId, cids: &[Cid]) -> Result<bool, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cid_has_one_to_a_hundred_and_twenty_eight_bytes() {
        for wrong in ["", &"a".repeat(129), &"é".repeat(65)] {
            assert_eq!(RevokedCid::new(wrong), Err(InvalidRevokedCid), "{wrong}");
        }
        for right in ["a", &"a".repeat(128), &"é".repeat(64)] {
            assert_eq!(RevokedCid::new(right).unwrap().as_str(), right);
        }
    }

    #[test]
    fn cid_of_a_token_is_stored_as_its_text() {
        let cid = Cid::from_bytes([0xab; 32]);
        assert_eq!(RevokedCid::from(cid).as_str(), "ab".repeat(32));
        assert!(!format!("{:?}", RevokedCid::from(cid)).contains("ab"));
    }
}
