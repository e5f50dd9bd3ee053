//! Push: store a batch of encrypted changes, then tell the watchers of the space.

use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, SpaceId};
use less_sync_storage::{Push, PushLimits, Pushed, WriteGrant};

use crate::{Credentials, Engine, EngineError, PushedEvent, SpaceEvent};

impl Engine {
    /// The right to push to `space` (protocol §4.3, check 2). Separate from [`Engine::push`] because an edge
    /// answers for malformed changes only after this.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; [`EngineError::UnknownSpace`]; [`EngineError::HomeUnavailable`]; storage failures,
    /// which are no rejection.
    pub async fn authorize_push(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<WriteGrant, EngineError> {
        self.authorizer.admit(Method::Push, credentials, space).await?.writing()
    }

    /// The bounds of a push, for edges that check them while they decode.
    #[must_use]
    pub fn push_limits(&self) -> PushLimits {
        self.settings.push_limits
    }

    /// Stores `push`, all or nothing, and publishes it once it is durable. A conflict publishes nothing, nor does
    /// a push without changes.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::push`].
    pub async fn push(
        &self,
        grant: &WriteGrant,
        push: Push,
        origin: ConnectionId,
    ) -> Result<Pushed, EngineError> {
        let changes = push.changes.clone();
        let pushed = self.storage.push(grant, push, self.settings.push_limits).await?;
        if let Pushed::Committed { prev, cursor, key_generation, rewrap_epoch, deleted_files } = &pushed
            && cursor > prev
        {
            self.events.publish(SpaceEvent::Pushed(PushedEvent {
                space: grant.space(),
                prev: *prev,
                cursor: *cursor,
                key_generation: *key_generation,
                rewrap_epoch: *rewrap_epoch,
                changes,
                deleted_files: deleted_files.clone(),
                origin,
            }));
        }
        Ok(pushed)
    }
}
