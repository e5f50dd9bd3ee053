//! What a chain is held against.

use std::fmt;

use less_sync_core::{Permission, SpaceId};

use crate::RootKey;

/// Who must be named by the outermost token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// The caller: the `did` of a verified access token. An empty text is nobody.
    Caller(&'a str),
    /// Whoever the token names: between servers the chain itself is the proof (auth §6.4).
    Bearer,
}

impl Audience<'_> {
    /// Step 2: whether a token for `named` may be presented. A token for nobody may not.
    pub(super) fn is(self, named: &str) -> bool {
        !named.is_empty()
            && match self {
                Self::Caller(did) => named == did,
                Self::Bearer => true,
            }
    }
}

/// `Debug` names nobody.
impl fmt::Debug for Audience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller(_) => "Caller([redacted])",
            Self::Bearer => "Bearer",
        })
    }
}

/// What is asked of a chain: rights of a level in a space, for somebody.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// Who presents it.
    pub audience: Audience<'a>,
    /// What they want to do.
    pub permission: Permission,
    /// Where.
    pub space: SpaceId,
    /// The key stored with the space, at which the chain must end.
    pub root_key: RootKey,
}

impl Expectations<'_> {
    /// The same as it is asked of the outermost token alone.
    pub(super) fn leaf(&self) -> Leaf<'_> {
        Leaf { audience: self.audience, permission: self.permission, space: self.space }
    }
}

/// What is asked whatever key the chain ends at.
pub(super) struct Leaf<'a> {
    pub(super) audience: Audience<'a>,
    pub(super) permission: Permission,
    pub(super) space: SpaceId,
}
