//! Receiver of the messages of other nodes, in front of the endpoint, its broker and its mailbox notices.

use std::sync::Arc;

use less_sync_core::{MailboxId, SpaceId};
use less_sync_engine::Revocation;
use less_sync_engine::ports::{ActorDigest, EphemeralChange, RemoteChange, RemoteEvents};

use crate::broker::{Position, RemoteStep};
use crate::endpoint::Endpoint;
use crate::remote_changes::RemoteChanges;

/// Receiver of the messages of other nodes.
pub struct NodeEvents {
    /// Connections here, with their subscriptions.
    pub endpoint: Arc<Endpoint>,
    /// Reader of changes that are announced without their content.
    pub changes: Arc<RemoteChanges>,
    /// Starts to load trust and keys again; does not block.
    pub reload_trust: Box<dyn Fn() + Send + Sync>,
}

impl RemoteEvents for NodeEvents {
    fn changed(&self, change: RemoteChange) {
        let RemoteChange { space, prev, cursor, event } = change;
        if let Some(event) = event {
            let position =
                Position { cursor, key_generation: event.key_generation, rewrap_epoch: event.rewrap_epoch };
            let (frame, second) = (event.frame, event.second);
            self.endpoint.broker.publish_remote(space, RemoteStep { prev, position, frame, second });
        }
        // A read is due only if more than this event was missing.
        self.changes.add(space, cursor);
    }

    fn revoked(&self, space: SpaceId, revocation: Revocation) {
        self.endpoint.broker.revoke_remote(space, revocation);
    }

    fn purged(&self, space: SpaceId) {
        self.changes.forget(space);
        self.endpoint.broker.purge_remote(space);
    }

    fn invitation_stored(&self, mailbox: MailboxId) {
        self.endpoint.mailboxes.stored_elsewhere(mailbox);
    }

    fn ephemeral(&self, change: EphemeralChange) {
        self.endpoint.broker.receive_ephemeral(&change);
    }

    fn disconnect(&self, actor: ActorDigest) {
        let count = self.endpoint.disconnect_digest(actor);
        tracing::info!(count, "connections of a user closed by the operator of another node");
    }

    fn trust_changed(&self) {
        (self.reload_trust)();
    }

    fn presence(&self, space: SpaceId) -> Vec<EphemeralChange> {
        self.endpoint.broker.local_presence(space)
    }

    fn compare(&self) {
        self.changes.compare();
    }
}

impl std::fmt::Debug for NodeEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeEvents").field("changes", &self.changes).finish_non_exhaustive()
    }
}
