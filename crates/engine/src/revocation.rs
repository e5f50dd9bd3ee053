//! What a revocation ends.

use std::fmt;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::Cid;
use less_sync_storage::RevokedCid;

/// A token that is dead from now on, and perhaps the member it was taken from. `Debug` shows nothing.
#[derive(Clone)]
pub struct Revocation {
    cid: RevokedCid,
    /// The cid, if it is one: the store takes any text, which then names no token.
    parsed: Option<Cid>,
    member_did: Option<Box<str>>,
}

impl Revocation {
    /// The revocation of `cid`. With `member_did`, whatever that member has open in the space ends too (newer-clients
    /// §3.5); nothing of it is stored.
    #[must_use]
    pub fn new(cid: RevokedCid, member_did: Option<&str>) -> Self {
        Self { parsed: cid.as_str().parse().ok(), cid, member_did: member_did.map(Into::into) }
    }

    /// What is stored.
    #[must_use]
    pub fn cid(&self) -> &RevokedCid {
        &self.cid
    }

    /// Whether it kills the token with this name.
    #[must_use]
    pub fn names(&self, cid: Cid) -> bool {
        self.parsed == Some(cid)
    }

    /// Whether it ends what rests on `chain`: a token of the chain is dead, or it is that of the member.
    #[must_use]
    pub fn ends(&self, chain: &VerifiedChain) -> bool {
        self.member_did.as_deref() == Some(chain.audience())
            || self.parsed.is_some_and(|cid| chain.contains(cid))
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revocation([redacted])")
    }
}
