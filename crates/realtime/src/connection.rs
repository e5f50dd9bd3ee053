//! State of one authenticated connection, shared by its handlers.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{ConnectionId, SpaceId};
use parking_lot::{Mutex, RwLock};

use crate::endpoint::Endpoint;
use crate::listed_dek_bounds::ListedDekBounds;
use crate::outbox::{AfterWrite, Outbox, Reply};
use crate::subscriptions::{Now, Subscriptions};

/// One authenticated connection.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) outbox: Arc<Outbox>,
    caller: RwLock<Arc<Caller>>,
    watched: Mutex<Subscriptions>,
    pub(crate) listed_dek_bounds: ListedDekBounds,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        endpoint: Arc<Endpoint>,
        outbox: Arc<Outbox>,
        caller: Caller,
    ) -> Self {
        if let Some(mailbox) = caller.mailbox_id {
            endpoint.broker.mailboxes().attend(mailbox, id, &outbox);
        }
        let (caller, watched) = (RwLock::new(Arc::new(caller)), Mutex::default());
        Self { id, endpoint, outbox, caller, watched, listed_dek_bounds: ListedDekBounds::default() }
    }

    /// Identity from the latest accepted token.
    pub(crate) fn caller(&self) -> Arc<Caller> {
        self.caller.read().clone()
    }

    /// A refreshed token was accepted. Subscriptions that rest on chains for another DID end (protocol §6.3).
    pub(crate) fn set_caller(&self, caller: Caller) {
        let foreign = self.watched.lock().take_foreign(caller.did.as_deref());
        *self.caller.write() = Arc::new(caller);
        self.endpoint.broker.end(foreign, self.id, &self.outbox);
    }

    /// Notes `space` as watched, unless that would be more than `limit` spaces. True when it may be watched.
    pub(crate) fn note_watched(&self, space: SpaceId, limit: usize) -> bool {
        let mut watched = self.watched.lock();
        if watched.len() >= limit && !watched.contains(space) {
            // Some may have ended by a revocation.
            watched.retain(|space| self.endpoint.broker.is_live(space, self.id));
            if watched.len() >= limit {
                return false;
            }
        }
        watched.add(space);
        true
    }

    /// Notes what the subscription to `space` rests on.
    pub(crate) fn rest_on(&self, space: SpaceId, chain: Option<Arc<VerifiedChain>>) {
        let clock = &self.endpoint.clock;
        let now = Now { wall: clock.now(), instant: clock.instant() };
        self.watched.lock().rest_on(space, chain, now);
    }

    /// When to look for subscriptions whose right has ended.
    pub(crate) fn first_end(&self) -> Option<Instant> {
        self.watched.lock().first_end()
    }

    /// Ends the subscriptions whose right has ended by `now`, and tells so (protocol §5.3).
    pub(crate) fn end_expired(&self, now: Instant) {
        let expired = self.watched.lock().take_ended(now);
        self.endpoint.broker.end(expired, self.id, &self.outbox);
    }

    /// Ends the subscription to `space`, its presence included.
    pub(crate) fn unwatch(&self, space: SpaceId) {
        if self.watched.lock().remove(space) {
            self.endpoint.broker.unwatch(space, self.id);
        }
    }

    /// Ends every subscription, and leaves the mailbox: the connection is going.
    pub(crate) fn leave(&self) {
        if let Some(mailbox) = self.caller().mailbox_id {
            self.endpoint.broker.mailboxes().depart(mailbox, self.id);
        }
        let watched = std::mem::take(&mut *self.watched.lock());
        for space in watched.into_spaces() {
            self.endpoint.broker.unwatch(space, self.id);
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
