//! Connections and watchers as the operator of the server sees them, and the disconnection of clients (operations §9.1).

use std::sync::Arc;

use http::StatusCode;
use less_sync_auth::Caller;
use less_sync_core::{Close, ConnectionId, SpaceId, Timestamp};
use less_sync_engine::ports::ActorDigest;
use less_sync_engine::{Denial, Denials, Edge, Purged, Rule};
use less_sync_storage::StorageError;

use crate::endpoint::Endpoint;
use crate::open_connection::{OpenConnection, TrafficTotals};
use crate::slow_consumers::SlowConsumer;

/// Stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionStage {
    /// Upgraded, and not authenticated yet.
    Handshake,
    /// Authenticated.
    Active,
    /// Closing: its queues are discarded.
    Closing,
}

/// Authenticated user of a connection.
#[derive(Clone, Debug)]
pub struct ConnectedActor {
    /// Hash of issuer and user with a key of this process: the same for all connections of the user.
    pub hash: u64,
    /// Identity in clear, to be shown on request of the operator only.
    pub caller: Arc<Caller>,
}

/// State of one open connection.
#[derive(Clone, Debug)]
pub struct ConnectionState {
    /// Id of the connection.
    pub id: ConnectionId,
    /// Time of the upgrade.
    pub opened: Timestamp,
    /// Stage of the connection.
    pub stage: ConnectionStage,
    /// User of the connection; `None` before its handshake, and for a link of another server.
    pub actor: Option<ConnectedActor>,
    /// Number of spaces that the connection watches.
    pub subscriptions: usize,
    /// Bytes of queued replies, durable events and ephemeral events.
    pub queued: [usize; 3],
    /// Messages and bytes since the connection was opened.
    pub traffic: TrafficTotals,
}

/// Views and actions of the operator.
impl Endpoint {
    /// All open connections, in no particular order. Takes no lock for longer than the copy of a list of pointers.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionState> {
        self.open_connections().iter().map(|open| state(open)).collect()
    }

    /// Open connection with this id, with the spaces that it watches.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<(ConnectionState, Vec<SpaceId>)> {
        let open = self.open_connection(id)?;
        let spaces = open.connection().map(|connection| connection.watched_spaces());
        Some((state(&open), spaces.unwrap_or_default()))
    }

    /// Closes one connection with [`Close::OPERATOR`]; its client may connect again. False if it is not open, or closing.
    #[must_use]
    pub fn disconnect(&self, id: ConnectionId) -> bool {
        self.open_connection(id).is_some_and(|open| open.outbox.close(Close::OPERATOR))
    }

    /// Closes all connections of the user with this hash, and returns the number of those on this node. The other nodes close
    /// theirs as soon as they learn of it.
    #[must_use]
    pub fn disconnect_actor(&self, hash: u64) -> usize {
        let open = self.open_connections();
        let of_actor = |open: &&Arc<OpenConnection>| {
            open.connection().is_some_and(|connection| connection.actor() == hash)
        };
        let caller = open.iter().filter(of_actor).find_map(|open| open.connection()?.caller());
        if let Some(caller) = caller {
            self.deployment.disconnected(ActorDigest::of(&caller));
        }
        open.iter().filter(of_actor).filter(|open| open.outbox.close(Close::OPERATOR)).count()
    }

    /// Closes all connections of the user with this digest, and returns their number.
    pub(crate) fn disconnect_digest(&self, actor: ActorDigest) -> usize {
        let open = self.open_connections();
        let of_actor = |open: &&Arc<OpenConnection>| {
            let caller = open.connection().and_then(|connection| connection.caller());
            caller.is_some_and(|caller| ActorDigest::of(&caller) == actor)
        };
        open.iter().filter(of_actor).filter(|open| open.outbox.close(Close::OPERATOR)).count()
    }

    /// The last connections that were closed as slow consumers, the newest first.
    #[must_use]
    pub fn slow_consumers(&self) -> Vec<SlowConsumer> {
        self.slow_consumers.newest()
    }

    /// Bound of the queue of durable events of one connection, in bytes: beyond it, a connection is a slow consumer.
    #[must_use]
    pub fn event_queue_bytes(&self) -> usize {
        self.limits.queue_bytes
    }

    /// Removes a space, see [`Engine::purge_space`](less_sync_engine::Engine::purge_space).
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn purge_space(&self, space: SpaceId, steps: usize) -> Result<Option<Purged>, StorageError> {
        self.engine.purge_space(space, steps).await
    }

    /// Number of subscribers of each watched space, in no particular order.
    #[must_use]
    pub fn watchers(&self) -> Vec<(SpaceId, usize)> {
        self.broker.watchers()
    }

    /// Number of subscribers of `space`.
    #[must_use]
    pub fn watchers_of(&self, space: SpaceId) -> usize {
        self.broker.watchers_of(space)
    }

    /// Records the denial of an upgrade, with the status of its response.
    pub(crate) fn deny_upgrade(&self, status: StatusCode) {
        self.denials.add(Denial {
            at: self.clock.now(),
            edge: Edge::Handshake,
            operation: "upgrade".into(),
            request_id: None,
            connection: None,
            actor: None,
            space: None,
            code: status.as_u16().to_string().into(),
            rule: Rule::ConnectionLimit,
        });
    }

    /// Records the denial of a handshake.
    pub(crate) fn deny_handshake(&self, id: ConnectionId, close: Close, rule: Rule) {
        self.denials.add(Denial {
            at: self.clock.now(),
            edge: Edge::Handshake,
            operation: "auth".into(),
            request_id: None,
            connection: Some(id),
            actor: None,
            space: None,
            code: close.code.to_string().into(),
            rule,
        });
    }

    /// The last denials of this endpoint and of others that share its ring.
    #[must_use]
    pub fn denials(&self) -> &Denials {
        &self.denials
    }
}

fn state(open: &OpenConnection) -> ConnectionState {
    let connection = open.connection();
    let stage = match (&connection, open.outbox.closing()) {
        (_, Some(_)) => ConnectionStage::Closing,
        (Some(_), None) => ConnectionStage::Active,
        (None, None) => ConnectionStage::Handshake,
    };
    ConnectionState {
        id: open.id,
        opened: open.opened,
        stage,
        subscriptions: connection.as_ref().map_or(0, |connection| connection.subscription_count()),
        actor: connection.and_then(|connection| {
            Some(ConnectedActor { hash: connection.actor(), caller: connection.caller()? })
        }),
        queued: open.outbox.queued_bytes(),
        traffic: open.traffic.totals(),
    }
}
