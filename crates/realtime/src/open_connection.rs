//! Open connection of an endpoint: its outbox, its traffic and, once authenticated, its identity.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use less_sync_auth::Caller;
use less_sync_core::{ConnectionId, SpaceId, Timestamp};

use crate::outbox::Outbox;
use crate::session::Incoming;

/// Authenticated connection, as far as the operator looks at it.
pub(crate) trait Authenticated: Send + Sync {
    /// Keyed hash of the user or server.
    fn actor(&self) -> u64;

    /// Identity from the latest accepted token; `None` for a server.
    fn caller(&self) -> Option<Arc<Caller>>;

    /// Number of spaces that the connection watches.
    fn subscription_count(&self) -> usize;

    /// Spaces that the connection watches.
    fn watched_spaces(&self) -> Vec<SpaceId>;
}

/// Open connection, authenticated or not. Its own task writes the counters; the operator reads them.
pub(crate) struct OpenConnection {
    pub(crate) id: ConnectionId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) opened: Timestamp,
    pub(crate) traffic: Traffic,
    /// Set once; gone with the connection.
    authenticated: OnceLock<Weak<dyn Authenticated>>,
}

impl OpenConnection {
    pub(crate) fn new(id: ConnectionId, outbox: Arc<Outbox>, opened: Timestamp) -> Arc<Self> {
        let (traffic, authenticated) = (Traffic::default(), OnceLock::new());
        Arc::new(Self { id, outbox, opened, traffic, authenticated })
    }

    /// Records that the connection has authenticated.
    pub(crate) fn authenticated(&self, connection: Weak<dyn Authenticated>) {
        // A connection authenticates once, so the cell is empty.
        let _first = self.authenticated.set(connection);
    }

    /// The authenticated connection; `None` before its handshake and after its end.
    pub(crate) fn connection(&self) -> Option<Arc<dyn Authenticated>> {
        self.authenticated.get()?.upgrade()
    }
}

/// Messages and bytes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
}

/// Messages and bytes of one connection since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficTotals {
    /// Messages of the client.
    pub messages_in: u64,
    /// Bytes of the messages of the client.
    pub bytes_in: u64,
    /// Messages for the client, handed to the socket.
    pub messages_out: u64,
    /// Bytes of the messages for the client.
    pub bytes_out: u64,
}

impl Traffic {
    /// Counts input of the client, if it is a message.
    pub(crate) fn received(&self, incoming: &Incoming) {
        if let Incoming::Binary(message) = incoming {
            self.messages_in.fetch_add(1, Ordering::Relaxed);
            self.bytes_in.fetch_add(message.len() as u64, Ordering::Relaxed);
        }
    }

    /// Counts a batch of messages for the client.
    pub(crate) fn sent(&self, messages: u64, bytes: u64) {
        if messages > 0 {
            self.messages_out.fetch_add(messages, Ordering::Relaxed);
            self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Totals so far.
    pub(crate) fn totals(&self) -> TrafficTotals {
        TrafficTotals {
            messages_in: self.messages_in.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            messages_out: self.messages_out.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
        }
    }
}
