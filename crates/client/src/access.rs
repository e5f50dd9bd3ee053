//! In which space, and by what right.

use std::fmt;

use less_sync_core::SpaceId;

/// A space and the right that a call presents in it: a chain of UCANs in shared spaces, nothing in one's own.
///
/// `Debug` does not show the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// Which.
    pub space: SpaceId,
    /// The outermost token of the chain.
    pub ucan: Option<&'a str>,
}

impl<'a> Access<'a> {
    /// The rights that `ucan` gives in a shared space.
    #[must_use]
    pub fn shared(space: SpaceId, ucan: &'a str) -> Self {
        Self { space, ucan: Some(ucan) }
    }
}

impl From<SpaceId> for Access<'_> {
    /// A space of one's own.
    fn from(space: SpaceId) -> Self {
        Self { space, ucan: None }
    }
}

impl fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("space", &self.space).finish_non_exhaustive()
    }
}
