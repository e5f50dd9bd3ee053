//! Subscribe: the state of spaces for somebody who is about to watch them.

use less_sync_auth::Caller;
use less_sync_core::SpaceId;
use less_sync_storage::Space;

use crate::{Engine, EngineError};

impl Engine {
    /// The state of `space`, read now. Whoever wants to miss nothing registers as a watcher first (protocol G2).
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; storage failures, which are no refusal.
    pub async fn subscribe(&self, caller: &Caller, space: SpaceId) -> Result<Space, EngineError> {
        self.authorizer.state(caller, space).await
    }
}
