//! Revocation of a UCAN, and the chains that it affects.

use std::fmt;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Cid, Did};
use less_sync_storage::RevokedCid;

/// A revoked token and, optionally, the member that it was issued to. `Debug` shows no field.
#[derive(Clone)]
pub struct Revocation {
    cid: RevokedCid,
    /// `cid` as a CID; `None` for other text, which the store accepts and which matches no token.
    parsed: Option<Cid>,
    member_did: Option<Did>,
}

impl Revocation {
    /// The revocation of `cid`. With `member_did`, subscriptions of that member to the space end too (newer-clients §3.5);
    /// the DID is not stored.
    #[must_use]
    pub fn new(cid: RevokedCid, member_did: Option<Did>) -> Self {
        Self { parsed: cid.as_str().parse().ok(), cid, member_did }
    }

    /// The revoked CID, as stored.
    #[must_use]
    pub fn cid(&self) -> &RevokedCid {
        &self.cid
    }

    /// Returns true if `cid` is the revoked token.
    #[must_use]
    pub fn names(&self, cid: Cid) -> bool {
        self.parsed == Some(cid)
    }

    /// Returns true if subscriptions that rest on `chain` end: it contains the revoked token, or was issued to the member.
    #[must_use]
    pub fn ends(&self, chain: &VerifiedChain) -> bool {
        self.member_did.as_ref() == Some(chain.audience())
            || self.parsed.is_some_and(|cid| chain.contains(cid))
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revocation([redacted])")
    }
}
