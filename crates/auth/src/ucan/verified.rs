//! Verified UCAN chain and its checks per request.

use std::fmt;

use less_sync_core::{Cid, Did, Permission, SpaceId, Timestamp};

use super::{Expectations, InvalidUcan, UcanError};
use crate::RootKey;

/// Chain verified up to the root key of its space. Only the verifier creates one.
///
/// Signatures and attenuation hold for ever; what depends on the moment is
/// checked again by [`Self::check`], and against the revocation store, on every request. Holds no part of a token
/// but the audience. `Debug` shows nothing.
#[derive(PartialEq, Eq)]
pub struct VerifiedChain {
    space: SpaceId,
    facts: Facts,
}

/// Combined statement of all tokens in a chain.
#[derive(PartialEq, Eq)]
pub(super) struct Facts {
    /// Key of the root's issuer.
    pub(super) root_key: RootKey,
    /// Space of the chain.
    pub(super) permission: Permission,
    /// Audience of the leaf.
    pub(super) audience: Did,
    /// Expiry of the leaf, inclusive; no token above it expires earlier.
    pub(super) expires_at: u64,
    /// Latest `nbf` of all tokens.
    pub(super) not_before: u64,
    /// Both CIDs of every token, from the leaf to the root.
    pub(super) cids: Box<[Cid]>,
}

impl VerifiedChain {
    pub(super) fn new(space: SpaceId, facts: Facts) -> Self {
        Self { space, facts }
    }

    /// Checks space, root key, audience, permission level and time, on every request. Gives the
    /// same result as verifying the text again.
    ///
    /// # Errors
    /// [`UcanError`], with the same precedence as [`verify`](super::verify).
    pub fn check(&self, expected: &Expectations<'_>, now: Timestamp) -> Result<(), UcanError> {
        let now = now.unix_seconds();
        if !expected.audience.is(&self.facts.audience) {
            return Err(UcanError::IdentityMismatch);
        }
        if expected.space != self.space {
            return Err(UcanError::ResourceMismatch);
        }
        if !self.facts.permission.covers(expected.permission) {
            return Err(UcanError::AttenuationViolation);
        }
        if now > self.facts.expires_at {
            return Err(UcanError::Expired);
        }
        if now < self.facts.not_before {
            return Err(InvalidUcan::NotYetValid.into());
        }
        if !self.facts.root_key.is(&expected.root_key) {
            return Err(UcanError::RootMismatch);
        }
        Ok(())
    }

    /// Checks revocation against a store that is queried separately: step 15 of auth §6.3. `is_revoked` is one query for all
    /// [`Self::cids`] in [`Self::space`].
    ///
    /// # Errors
    /// [`UcanError::Revoked`]; [`UcanError::RevocationCheckFailed`] when the query failed.
    pub fn check_revocation<E>(
        &self,
        any_revoked: impl FnOnce(&[Cid]) -> Result<bool, E>,
    ) -> Result<(), UcanError> {
        match any_revoked(self.cids()) {
            Ok(false) => Ok(()),
            Ok(true) => Err(UcanError::Revoked),
            Err(_) => Err(UcanError::RevocationCheckFailed),
        }
    }

    /// Space of the chain.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Root key of the chain: the one stored with the space at verification.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        self.facts.root_key
    }

    /// Permission level granted.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.facts.permission
    }

    /// Audience of the leaf: the first audience of the outermost token.
    #[must_use]
    pub fn audience(&self) -> &Did {
        &self.facts.audience
    }

    /// Expiry, inclusive: the last second in which every token is valid, clamped to the clock's range.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(i64::try_from(self.facts.expires_at).unwrap_or(i64::MAX))
    }

    /// Both CIDs of every token, from leaf to root: twice as many as there are tokens. The chain
    /// is invalid when any of them is revoked in its space (auth §6.5).
    #[must_use]
    pub fn cids(&self) -> &[Cid] {
        &self.facts.cids
    }

    /// Returns true when `cid` names a token of the chain, in either form; tokens of the own chain cannot be revoked (auth §6.5).
    #[must_use]
    pub fn contains(&self, cid: Cid) -> bool {
        self.cids().contains(&cid)
    }
}

impl fmt::Debug for VerifiedChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedChain([redacted])")
    }
}
