//! Requirements that a UCAN chain is verified against.

use std::fmt;

use less_sync_core::{Did, Permission, SpaceId};

use crate::RootKey;

/// Required audience of the outermost token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// The caller: the `did` of a verified access token.
    Caller(&'a Did),
    /// Any audience: between servers the chain itself is the proof (auth §6.4).
    Bearer,
}

impl Audience<'_> {
    /// Returns true when a token for `named` may be presented: step 2.
    pub(super) fn is(self, named: &Did) -> bool {
        match self {
            Self::Caller(did) => named == did,
            Self::Bearer => true,
        }
    }
}

/// Writes the variant only: DIDs stay out of logs.
impl fmt::Debug for Audience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller(_) => "Caller([redacted])",
            Self::Bearer => "Bearer",
        })
    }
}

/// Requirements on a chain: permission level, space, audience and root key.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// Required audience.
    pub audience: Audience<'a>,
    /// Required permission level.
    pub permission: Permission,
    /// Required space.
    pub space: SpaceId,
    /// Root key stored with the space, which must have signed the root of the chain.
    pub root_key: RootKey,
}

impl Expectations<'_> {
    /// Requirements on the outermost token alone.
    pub(super) fn leaf(&self) -> Leaf<'_> {
        Leaf { audience: self.audience, permission: self.permission, space: self.space }
    }
}

/// Requirements that do not depend on the root key.
pub(super) struct Leaf<'a> {
    pub(super) audience: Audience<'a>,
    pub(super) permission: Permission,
    pub(super) space: SpaceId,
}
