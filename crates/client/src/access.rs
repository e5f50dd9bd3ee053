//! Space and credentials of a call.

use std::fmt;

use less_sync_core::SpaceId;

/// Space of a call, and the chain of UCANs that authorizes it; personal spaces need none.
///
/// `Debug` does not show the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// Id of the space.
    pub space: SpaceId,
    /// Outermost token of the chain; `None` for a personal space.
    pub ucan: Option<&'a str>,
}

impl<'a> Access<'a> {
    /// Access to a shared space, authorized by `ucan`.
    #[must_use]
    pub fn shared(space: SpaceId, ucan: &'a str) -> Self {
        Self { space, ucan: Some(ucan) }
    }
}

impl From<SpaceId> for Access<'_> {
    /// Access to a personal space.
    fn from(space: SpaceId) -> Self {
        Self { space, ucan: None }
    }
}

impl fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("space", &self.space).finish_non_exhaustive()
    }
}
