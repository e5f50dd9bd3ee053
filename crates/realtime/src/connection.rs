//! State of one authenticated connection, shared by its handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::{Close, ConnectionId, SpaceId};
use less_sync_engine::{FailedVerifications, SubscriptionBasis};
use parking_lot::Mutex;

use crate::broker::Broker;
use crate::endpoint::Endpoint;
use crate::forward_order::ForwardOrder;
use crate::identity::{CurrentIdentity, Identity};
use crate::listed_dek_bounds::ListedDekBounds;
use crate::open_connection::Authenticated;
use crate::outbox::{AfterWrite, Outbox, Reply};
use crate::server_link::{Expiry, ServerLink};
use crate::subscriptions::{Now, Subscriptions};

/// Authenticated connection.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) outbox: Arc<Outbox>,
    /// Keyed hash of the user, see [`ConnectionPermit::actor`](crate::registry::ConnectionPermit::actor), or of the server.
    pub(crate) actor: u64,
    identity: Identity,
    /// Lock order: this lock before that of a shard of the broker. The broker takes no lock of a connection.
    subscriptions: Mutex<Subscriptions>,
    pub(crate) listed_dek_bounds: ListedDekBounds,
    /// Order of the requests that other servers get.
    pub(crate) forwards: ForwardOrder,
    /// True once a cursor ahead of its space was logged.
    is_ahead_noted: AtomicBool,
    failed_verifications: FailedVerifications,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        endpoint: Arc<Endpoint>,
        outbox: Arc<Outbox>,
        identity: Identity,
        actor: u64,
    ) -> Self {
        if let Some(mailbox) = identity.mailbox() {
            endpoint.mailboxes.register(mailbox, id, &outbox);
        }
        let subscriptions = Mutex::default();
        Self {
            id,
            endpoint,
            outbox,
            actor,
            identity,
            subscriptions,
            listed_dek_bounds: ListedDekBounds::default(),
            forwards: ForwardOrder::default(),
            is_ahead_noted: AtomicBool::new(false),
            failed_verifications: FailedVerifications::default(),
        }
    }

    /// Identity as of now.
    pub(crate) fn identity(&self) -> CurrentIdentity {
        self.identity.current()
    }

    /// Link of the server at the other end; `None` for a user.
    pub(crate) fn server(&self) -> Option<&ServerLink> {
        self.identity.server()
    }

    /// Replaces the identity of a user after a token refresh. Subscriptions that are authorized by chains for another DID end
    /// (protocol §6.3).
    pub(crate) fn set_caller(&self, caller: Caller) {
        let Identity::User(known) = &self.identity else { return };
        let foreign = self.subscriptions.lock().take_foreign(caller.did.as_ref());
        *known.write() = Arc::new(caller);
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

    /// Replaces the authorization of the subscription to `space`. That of a server is with the broker.
    pub(crate) fn authorize_subscription(&self, space: SpaceId, basis: SubscriptionBasis) {
        let chain = match basis {
            SubscriptionBasis::Owner => None,
            SubscriptionBasis::Chain(chain) => Some(chain),
            SubscriptionBasis::Forwarded(_) => return,
        };
        let clock = &self.endpoint.clock;
        let now = Now { wall: clock.now(), instant: clock.instant() };
        self.subscriptions.lock().authorize(space, chain, now);
    }

    /// Time for the next [`Connection::end_expired`].
    pub(crate) fn first_expiry(&self) -> Option<Instant> {
        match self.server() {
            Some(link) => Some(link.next_sweep()),
            None => self.subscriptions.lock().first_expiry(),
        }
    }

    /// Ends the subscriptions whose authorization has expired by `now`, and notifies the client (protocol §5.3).
    pub(crate) fn end_expired(&self, now: Instant) {
        if let Some(link) = self.server() {
            return self.sweep(link, now);
        }
        let expired = self.subscriptions.lock().take_expired(now);
        self.endpoint.broker.end_subscriptions(expired, self.id, &self.outbox);
    }

    /// Ends the subscriptions of a server that have expired, and warns of those that are about to (federation §10.5).
    fn sweep(&self, link: &ServerLink, now: Instant) {
        if !link.is_sweep_due(now) {
            return;
        }
        let (mut soon, mut expired) = (Vec::new(), Vec::new());
        let (broker, time) = (&self.endpoint.broker, self.endpoint.clock.now());
        for space in self.watched_spaces() {
            match broker.forwarded_expiry(space, self.id).map(|at| link.expiry(space, at, time)) {
                Some(Expiry::Later) => {}
                Some(Expiry::Soon) => soon.push(space),
                Some(Expiry::Expired) => expired.push(space),
                // Ended by a revocation, or not confirmed yet.
                None if broker.is_registered(space, self.id) => {}
                None => self.forget(space),
            }
        }
        if !soon.is_empty() {
            Broker::warn_of_expiry(soon, &self.outbox);
        }
        for space in &expired {
            self.forget(*space);
        }
        broker.end_subscriptions(expired, self.id, &self.outbox);
    }

    /// Removes a subscription that the broker has ended, or is about to end.
    fn forget(&self, space: SpaceId) {
        self.subscriptions.lock().remove(space);
        self.release(space);
    }

    /// Uncounts `space` from the quota of the server.
    pub(crate) fn release(&self, space: SpaceId) {
        if let Some(link) = self.server() {
            link.release(space, self.id);
        }
    }

    /// Uncounts `space` unless the connection watches it.
    pub(crate) fn release_unwatched(&self, space: SpaceId) {
        if !self.subscriptions.lock().contains(space) {
            self.release(space);
        }
    }

    /// Ends the subscription to `space`, its presence included.
    pub(crate) fn unsubscribe(&self, space: SpaceId) {
        // Only the call that removes the entry reaches the broker, so a repeat costs no shard lock.
        if self.subscriptions.lock().remove(space) {
            self.endpoint.broker.unsubscribe(space, self.id);
            self.release(space);
        }
    }

    /// Ends every subscription and unregisters from the mailbox, at the end of the connection.
    pub(crate) fn leave(&self) {
        if let Some(mailbox) = self.identity.mailbox() {
            self.endpoint.mailboxes.unregister(mailbox, self.id);
        }
        let subscriptions = std::mem::take(&mut *self.subscriptions.lock());
        for space in subscriptions.into_spaces() {
            self.endpoint.broker.unsubscribe(space, self.id);
            self.release(space);
        }
    }

    /// Counter for the next verification. Closes the connection once too many have failed (protocol §1.10). None on a link: its
    /// users are not to pay for each other (federation AD-8).
    pub(crate) fn failed_verifications(&self) -> Option<&FailedVerifications> {
        if self.server().is_some() {
            return None;
        }
        if self.failed_verifications.is_exceeded() {
            self.outbox.close(Close::RATE_LIMITED);
        }
        Some(&self.failed_verifications)
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

    /// Counts a page that a pull puts back because the client does not read.
    pub(crate) fn note_stall(&self) {
        self.endpoint.metrics.pull_stalls.inc();
    }

    /// Queues a frame of a response, waiting for room. On a closing connection the frame is dropped: the calling request is
    /// about to be cancelled.
    pub(crate) async fn queue(&self, frame: Bytes, after: Option<AfterWrite>) {
        let _closing = self.outbox.reply(Reply { frame, after }).await;
    }
}

impl Authenticated for Connection {
    fn actor(&self) -> u64 {
        self.actor
    }

    fn caller(&self) -> Option<Arc<Caller>> {
        match self.identity() {
            CurrentIdentity::User(caller) => Some(caller),
            CurrentIdentity::Server(_) => None,
        }
    }

    fn subscription_count(&self) -> usize {
        self.subscriptions.lock().len()
    }

    fn watched_spaces(&self) -> Vec<SpaceId> {
        self.subscriptions.lock().spaces().collect()
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).finish_non_exhaustive()
    }
}
