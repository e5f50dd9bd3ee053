//! Creation of shared spaces.

use less_sync_auth::{Caller, RootKey};
use less_sync_core::SpaceId;
use less_sync_storage::{RateAction, Space, SpaceKind, SpaceRejection};

use crate::{Engine, EngineError};

impl Engine {
    /// Creates a shared space whose root key is `root` (protocol §4.7). Gives the caller no access: that takes a chain that
    /// ends at `root`. Counts against the caller's daily rate limit unless it fails.
    ///
    /// # Errors
    /// [`EngineError::RateLimited`]; [`less_sync_storage::SpaceRejection::Exists`] when the id exists, also on a
    /// repeat.
    pub async fn create_space(
        &self,
        caller: &Caller,
        id: SpaceId,
        root: &RootKey,
    ) -> Result<Space, EngineError<SpaceRejection>> {
        let (limit, now) = (self.settings.spaces_per_day, self.clock.now());
        let counted = self.actions.count(RateAction::SpaceCreate, &caller.into(), limit, now).await?;
        let kind = SpaceKind::Shared { root_public_key: *root.as_bytes() };
        let owner = self.owners.of(caller);
        Ok(counted.settle(self.storage.create_space(id, &caller.client_id, kind, owner).await).await?)
    }
}
