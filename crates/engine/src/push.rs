//! Push: authorize, place in the submission queue of the store, publish after the commit.

use std::sync::Arc;

use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, SpaceId};
use less_sync_storage::{Change, Push, PushLimits, PushRejection, Pushed, Ticket, WriteGrant};

use crate::{Credentials, Engine, EngineError, PushedEvent, SpaceEvent};

/// A push with its place in the submission queue: pushes to one space take effect in the order of the calls of
/// [`Engine::enqueue_push`]. [`Engine::finish_push`] waits for the outcome. Dropping it withdraws the push if its
/// transaction has not begun; after that the push may be committed without an event.
#[derive(Debug)]
#[must_use = "a push that is dropped is withdrawn, or committed without an event"]
pub struct QueuedPush {
    ticket: Ticket,
    space: SpaceId,
    changes: Arc<[Change]>,
    origin: ConnectionId,
}

impl QueuedPush {
    /// Space of the push.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }
}

impl Engine {
    /// Authorizes a push to `space` (protocol §4.3, check 2). Separate from [`Engine::enqueue_push`] because an edge
    /// responds to malformed changes only after this.
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

    /// Limits of a push, for edges that check them while they decode.
    #[must_use]
    pub fn push_limits(&self) -> PushLimits {
        self.settings.push_limits
    }

    /// Places `push` in the submission queue, without waiting. `origin`: the connection that gets no event for it.
    pub fn enqueue_push(&self, grant: &WriteGrant, push: Push, origin: ConnectionId) -> QueuedPush {
        let changes = Arc::clone(push.changes());
        let ticket = self.storage.enqueue(grant, push);
        QueuedPush { ticket, space: grant.space(), changes, origin }
    }

    /// Waits for the outcome of a push, and publishes it once it is durable. A conflict publishes nothing, nor does a push
    /// without changes.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::enqueue`].
    pub async fn finish_push(&self, queued: QueuedPush) -> Result<Pushed, EngineError<PushRejection>> {
        let QueuedPush { ticket, space, changes, origin } = queued;
        let outcome = ticket.await;
        self.quota_rejections.count_push(&outcome);
        let pushed = outcome?;
        if let Pushed::Committed { prev, cursor, key_generation, rewrap_epoch, deleted_files } = &pushed
            && cursor > prev
        {
            self.events.publish(SpaceEvent::Pushed(PushedEvent {
                space,
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
