//! State of one authenticated connection, shared by its handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Close, ConnectionId, SpaceId};
use less_sync_engine::FailedVerifications;
use parking_lot::{Mutex, RwLock};

use crate::endpoint::Endpoint;
use crate::listed_dek_bounds::ListedDekBounds;
use crate::outbox::{AfterWrite, Outbox, Reply};
use crate::subscriptions::{Now, Subscriptions};

/// Authenticated connection.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) outbox: Arc<Outbox>,
    caller: RwLock<Arc<Caller>>,
    /// Lock order: this lock before that of a shard of the broker. The broker takes no lock of a connection.
    subscriptions: Mutex<Subscriptions>,
    pub(crate) listed_dek_bounds: ListedDekBounds,
    /// True once a cursor ahead of its space was logged.
    is_ahead_noted: AtomicBool,
    failed_verifications: FailedVerifications,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        endpoint: Arc<Endpoint>,
        outbox: Arc<Outbox>,
        caller: Caller,
    ) -> Self {
        if let Some(mailbox) = caller.mailbox_id {
            endpoint.mailboxes.register(mailbox, id, &outbox);
        }
        let (caller, subscriptions) = (RwLock::new(Arc::new(caller)), Mutex::default());
        Self {
            id,
            endpoint,
            outbox,
            caller,
            subscriptions,
            listed_dek_bounds: ListedDekBounds::default(),
            is_ahead_noted: AtomicBool::new(false),
            failed_verifications: FailedVerifications::default(),
        }
    }

    /// Identity from the latest accepted token.
    pub(crate) fn caller(&self) -> Arc<Caller> {
        self.caller.read().clone()
    }

    /// Replaces the identity after a token refresh. Subscriptions that are authorized by chains for another DID end
    /// (protocol §6.3).
    pub(crate) fn set_caller(&self, caller: Caller) {
        let foreign = self.subscriptions.lock().take_foreign(caller.did.as_ref());
        *self.caller.write() = Arc::new(caller);
        self.endpoint.broker.end_subscriptions(foreign, self.id, &self.outbox);
    }

    /// Adds a subscription to `space`; false if the connection already has `limit` other ones.
    pub(crate) fn add_subscription(&self, space: SpaceId, limit: usize) -> bool {
        let mut subscriptions = self.subscriptions.lock();
        if subscriptions.len() >= limit && !subscriptions.contains(space) {
            // The broker ends subscriptions after a revocation without updating this list. It is cleaned up only when full.
            subscriptions.retain(|space| self.endpoint.broker.is_subscribed(space, self.id));
            if subscriptions.len() >= limit {
                return false;
            }
        }
        subscriptions.add(space);
        true
    }

    /// Replaces the authorization of the subscription to `space`; `None` in a personal space.
    pub(crate) fn authorize_subscription(&self, space: SpaceId, chain: Option<Arc<VerifiedChain>>) {
        let clock = &self.endpoint.clock;
        let now = Now { wall: clock.now(), instant: clock.instant() };
        self.subscriptions.lock().authorize(space, chain, now);
    }

    /// Time for the next [`Connection::end_expired`].
    pub(crate) fn first_expiry(&self) -> Option<Instant> {
        self.subscriptions.lock().first_expiry()
    }

    /// Ends the subscriptions whose authorization has expired by `now`, and notifies the client (protocol §5.3).
    pub(crate) fn end_expired(&self, now: Instant) {
        let expired = self.subscriptions.lock().take_expired(now);
        self.endpoint.broker.end_subscriptions(expired, self.id, &self.outbox);
    }

    /// Ends the subscription to `space`, its presence included.
    pub(crate) fn unsubscribe(&self, space: SpaceId) {
        // Only the call that removes the entry reaches the broker, so a repeat costs no shard lock.
        if self.subscriptions.lock().remove(space) {
            self.endpoint.broker.unsubscribe(space, self.id);
        }
    }

    /// Ends every subscription and unregisters from the mailbox, at the end of the connection.
    pub(crate) fn leave(&self) {
        if let Some(mailbox) = self.caller().mailbox_id {
            self.endpoint.mailboxes.unregister(mailbox, self.id);
        }
        let subscriptions = std::mem::take(&mut *self.subscriptions.lock());
        for space in subscriptions.into_spaces() {
            self.endpoint.broker.unsubscribe(space, self.id);
        }
    }

    /// Counter for the next verification. Closes the connection once too many have failed (protocol §1.10).
    pub(crate) fn failed_verifications(&self) -> &FailedVerifications {
        if self.failed_verifications.is_exceeded() {
            self.outbox.close(Close::RATE_LIMITED);
        }
        &self.failed_verifications
    }

    /// Logs a cursor of the client that is ahead of its space: a warning once per connection, since the client repeats it with
    /// every pull.
    pub(crate) fn note_cursor_ahead(&self) {
        if self.is_ahead_noted.swap(true, Ordering::Relaxed) {
            tracing::debug!("client cursor is ahead of its space; streaming from the start");
        } else {
            tracing::warn!("client cursor is ahead of its space; streaming from the start");
        }
    }

    /// Queues a frame of a response, waiting for room. On a closing connection the frame is dropped: the calling request is
    /// about to be cancelled.
    pub(crate) async fn queue(&self, frame: Bytes, after: Option<AfterWrite>) {
        let _closing = self.outbox.reply(Reply { frame, after }).await;
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).finish_non_exhaustive()
    }
}
