//! What a member knows of a space.

use less_sync_auth::RootKey;
use less_sync_auth::ucan::{self, Audience, Expectations, UcanError, VerifiedChain};
use less_sync_core::{Permission, SpaceId, Timestamp};

use crate::access::Access;
use crate::crypto::KeyRing;

/// A space as one of its members knows it.
#[derive(Clone, Debug)]
pub struct Membership {
    /// What its creator called it; for people.
    pub name: String,
    /// The key that every chain ends at.
    pub root_key: RootKey,
    /// The member's own rights.
    pub ucan: Chain,
    /// The keys of the epochs that the member has seen.
    pub keys: KeyRing,
}

/// The text of a chain; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Chain(pub String);

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chain([redacted])")
    }
}

impl Membership {
    /// Which space.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.keys.space()
    }

    /// What calls present.
    #[must_use]
    pub fn access(&self) -> Access<'_> {
        Access::shared(self.space(), &self.ucan.0)
    }

    /// The rights that the member has, if they are the holder of `did`, at `now`. Whether they were revoked, only the
    /// server and the log know.
    ///
    /// # Errors
    /// The chain gives `did` nothing.
    pub fn verify(&self, did: &str, now: Timestamp) -> Result<VerifiedChain, UcanError> {
        self.verify_chain(&self.ucan.0, did, Permission::Read, now)
    }

    /// The chain `token` as one that gives `did` at least these rights in this space.
    pub(super) fn verify_chain(
        &self,
        token: &str,
        did: &str,
        permission: Permission,
        now: Timestamp,
    ) -> Result<VerifiedChain, UcanError> {
        let (space, root_key) = (self.space(), self.root_key);
        let expected = Expectations { audience: Audience::Caller(did), permission, space, root_key };
        ucan::verify(token, &expected, now)
    }
}
