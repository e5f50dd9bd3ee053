//! What a chain gives, once it is verified.

use std::fmt;

use less_sync_core::{Cid, Permission, SpaceId, Timestamp};

use super::chain::unix_seconds;
use super::{Expectations, InvalidUcan, UcanError};
use crate::RootKey;

/// A chain that was verified up to the key of its space. Only the verifier makes one.
///
/// It is true for ever that these tokens were signed and attenuated as they should be; what depends on the moment is
/// asked again with [`Self::check`], and of the store of revocations, on every request. It holds no part of a token
/// but the audience. `Debug` shows nothing.
#[derive(PartialEq, Eq)]
pub struct VerifiedChain {
    space: SpaceId,
    facts: Facts,
}

/// What the tokens of a chain say together.
#[derive(PartialEq, Eq)]
pub(super) struct Facts {
    /// The key of the root's issuer.
    pub(super) root_key: RootKey,
    /// Of the leaf, which no token above it is below.
    pub(super) permission: Permission,
    /// Of the leaf.
    pub(super) audience: Box<str>,
    /// The last second of the leaf, which no token above it expires before.
    pub(super) expires_at: u64,
    /// The latest of all `nbf`.
    pub(super) not_before: u64,
    /// Both names of every token, from the leaf to the root.
    pub(super) cids: Box<[Cid]>,
}

impl VerifiedChain {
    pub(super) fn new(space: SpaceId, facts: Facts) -> Self {
        Self { space, facts }
    }

    /// What is asked on every request: the space and its key, who presents the chain, what for, and when. Says the
    /// same as verifying the text again.
    ///
    /// # Errors
    /// [`UcanError`], as [`verify`](super::verify) decides it.
    pub fn check(&self, expected: &Expectations<'_>, now: Timestamp) -> Result<(), UcanError> {
        let now = unix_seconds(now);
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

    /// Step 15 of auth §6.3, for a store that is asked apart from the request it protects: one question about all
    /// [`Self::cids`], answered with whether any of them was revoked in [`Self::space`].
    ///
    /// # Errors
    /// [`UcanError::Revoked`]; [`UcanError::RevocationCheckFailed`] when there is no answer.
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

    /// The space it gives rights in.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The key it ends at: the one that was stored with the space when the chain was verified.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        self.facts.root_key
    }

    /// The rights it gives.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.facts.permission
    }

    /// Whom it gives them to: the first audience of the outermost token.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.facts.audience
    }

    /// The last second in which every token of it is valid. A time beyond the clock's range is its end.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(i64::try_from(self.facts.expires_at).unwrap_or(i64::MAX))
    }

    /// Both names of every token, from the one presented to the root: twice as many as there are tokens. The chain
    /// is dead when any of them is revoked in its space (auth §6.5).
    #[must_use]
    pub fn cids(&self) -> &[Cid] {
        &self.facts.cids
    }

    /// Whether `cid` names a token of it, in either form. Nobody revokes the chain that they present (auth §6.5).
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
