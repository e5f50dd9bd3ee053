//! Revocations: permanently revoked CIDs of a space (storage §3.10).

use async_trait::async_trait;
use less_sync_core::{Cid, SpaceId};

use crate::{AdminGrant, StorageError};

/// Revocations of a space. Their existence only: neither author nor time is stored.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Revokes every chain that contains the token `cid`, in this space and permanently. Idempotent. Applies to every
    /// operation on the space that begins after the return, on every node (storage T12). Moves no cursor.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`] when the caller's own chain is revoked.
    async fn revoke(&self, grant: &AdminGrant, cid: Cid) -> Result<(), StorageError>;

    /// Looks up the revocation of `cid` in `space`; false in a space that does not exist.
    ///
    /// # Errors
    /// Failures of the database.
    async fn is_revoked(&self, space: SpaceId, cid: Cid) -> Result<bool, StorageError>;

    /// Looks up the revocation of any of the `cids` of a chain in `space`, in one statement. For credentials that are
    /// checked apart from the operation they permit (downloads); all other operations look up their chain themselves.
    ///
    /// # Errors
    /// Failures of the database.
    async fn any_revoked(&self, space: SpaceId, cids: &[Cid]) -> Result<bool, StorageError>;

    /// Finds the `tokens` that are revoked in their spaces, in any order, in one statement. For tokens of several spaces
    /// whose chains authorize something that lasts, such as live subscriptions.
    ///
    /// # Errors
    /// Failures of the database, which are no answer.
    async fn revoked_among(&self, tokens: &[(SpaceId, Cid)]) -> Result<Vec<(SpaceId, Cid)>, StorageError>;
}
