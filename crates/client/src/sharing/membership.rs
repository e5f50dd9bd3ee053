//! Membership: rights and keys of one member in a space.

use less_sync_auth::RootKey;
use less_sync_auth::ucan::{self, Audience, Expectations, UcanError, VerifiedChain};
use less_sync_core::{Did, Permission, SpaceId, Timestamp};

use crate::access::Access;
use crate::crypto::KeyRing;

/// Rights and keys of a member.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Display name of the space.
    pub name: String,
    /// Root key of the space, which issues every chain.
    pub root_key: RootKey,
    /// Chain of UCANs of the member.
    pub ucan: Chain,
    /// Keys of the space.
    pub keys: KeyRing,
}

/// Chain of UCANs as text; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Chain(pub String);

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chain([redacted])")
    }
}

impl Membership {
    /// Id of the space.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.keys.space()
    }

    /// Credentials for calls in the space.
    #[must_use]
    pub fn access(&self) -> Access<'_> {
        Access::shared(self.space(), &self.ucan.0)
    }

    /// Verifies the chain for the holder of `did` at `now`. Revocations are known to the server and the log only.
    ///
    /// # Errors
    /// The chain is invalid, expired, or for another audience.
    pub fn verify(&self, did: &Did, now: Timestamp) -> Result<VerifiedChain, UcanError> {
        self.verify_chain(&self.ucan.0, did, Permission::Read, now)
    }

    /// Verifies that the chain `token` grants at least `permission` in this space to `did`.
    pub(super) fn verify_chain(
        &self,
        token: &str,
        did: &Did,
        permission: Permission,
        now: Timestamp,
    ) -> Result<VerifiedChain, UcanError> {
        let (space, root_key) = (self.space(), self.root_key);
        let expected = Expectations { audience: Audience::Caller(did), permission, space, root_key };
        ucan::verify(token, &expected, now)
    }
}
