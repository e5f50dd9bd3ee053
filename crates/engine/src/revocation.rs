//! Revocation of a UCAN, and the chains that it affects.

use std::fmt;

use less_sync_core::{Cid, Did};

use crate::TokenChain;

/// A revoked token and, optionally, the member that it was issued to. `Debug` shows no field.
#[derive(Clone)]
pub struct Revocation {
    cid: Cid,
    member_did: Option<Did>,
}

impl Revocation {
    /// The revocation of `cid`. With `member_did`, the other subscriptions of that member to the space end too, if the
    /// token is part of a chain of that member ([`Self::identifies_member`]); the DID is not stored.
    #[must_use]
    pub fn new(cid: Cid, member_did: Option<Did>) -> Self {
        Self { cid, member_did }
    }

    /// The revoked CID, as stored.
    #[must_use]
    pub fn cid(&self) -> Cid {
        self.cid
    }

    /// Bytes of the revoked CID.
    #[must_use]
    pub fn cid_bytes(&self) -> &[u8; 32] {
        self.cid.as_bytes()
    }

    /// The member that the revocation names, if any.
    #[must_use]
    pub fn member_did(&self) -> Option<&Did> {
        self.member_did.as_ref()
    }

    /// Returns true if `chain` contains the revoked token.
    #[must_use]
    pub fn revokes(&self, chain: &(impl TokenChain + ?Sized)) -> bool {
        chain.cids().contains(&self.cid)
    }

    /// Returns true if `chain` was issued to the named member, whatever tokens it contains.
    #[must_use]
    pub fn names_audience_of(&self, chain: &(impl TokenChain + ?Sized)) -> bool {
        self.member_did.as_ref().is_some_and(|member| chain.audience() == Some(member))
    }

    /// Returns true if `chain` shows that the revoked token is one of the named member's. Without such a chain the DID is
    /// a mere statement: an administrator could end every subscription by it, that of the owner of the space included.
    #[must_use]
    pub fn identifies_member(&self, chain: &(impl TokenChain + ?Sized)) -> bool {
        self.names_audience_of(chain) && self.revokes(chain)
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revocation([redacted])")
    }
}
