//! Creation of shared spaces.

use less_sync_auth::{Caller, RootKey};
use less_sync_core::SpaceId;
use less_sync_storage::{Space, SpaceKind, StorageError};

use crate::{Engine, EngineError};

impl Engine {
    /// Creates a shared space that opens to chains ending at `root` (protocol §4.7). The caller gets no access
    /// by it. Counts against the caller's daily budget unless it fails.
    ///
    /// # Errors
    /// [`EngineError::RateLimited`]; [`StorageError::SpaceExists`] when the id is taken, also on a repeat.
    pub async fn create_space(
        &self,
        caller: &Caller,
        id: SpaceId,
        root: &RootKey,
    ) -> Result<Space, EngineError> {
        let reservation = self
            .space_budget
            .reserve(caller, self.clock.now())
            .ok_or(EngineError::RateLimited { limit: self.space_budget.limit() })?;
        let kind = SpaceKind::Shared { root_public_key: *root.as_bytes() };
        let created: Result<Space, StorageError> =
            self.storage.create_space(id, &caller.client_id, kind).await;
        if created.is_ok() {
            reservation.keep();
        }
        Ok(created?)
    }
}
