//! Fixture: a broker, subscribed connections with a decoder of their frames, tokio's clock.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use bytes::Bytes;
use less_sync_core::frame::{self, ServerFrame};
use less_sync_core::wire::event::{EphemeralEvent, Presence, PresenceLeave, Resubscribe, Revoked, Sync};
use less_sync_core::wire::method;
use less_sync_core::{ConnectionId, Cursor, Epoch, RecordId, SpaceId, Timestamp};
use less_sync_engine::{Clock, Job, PushedEvent, SpaceEvent, SpaceEvents};
use less_sync_realtime::{Broker, BrokerSettings, Limits, Outbox, OutboxLimits, Position, SubscriptionId};
use less_sync_storage::{Change, RecordState};

pub(crate) const HERE: SpaceId = SpaceId::from_bytes([1; 16]);
pub(crate) const THERE: SpaceId = SpaceId::from_bytes([2; 16]);

/// Clock of tokio, which a test may pause.
pub(crate) struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }

    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, at: Instant) -> Job {
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

pub(crate) fn broker() -> Arc<Broker> {
    Broker::new(BrokerSettings::new(&Limits::default(), [7; 32]), Arc::new(TokioClock))
}

pub(crate) fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

/// Position at cursor `number`, in the third epoch.
pub(crate) fn state(number: u64) -> Position {
    Position { cursor: cursor(number), key_generation: Epoch::new(3).unwrap(), rewrap_epoch: None }
}

pub(crate) fn connection(number: u8) -> ConnectionId {
    ConnectionId::from_bytes([number; 16])
}

/// Push of one record of `size` bytes that leads to cursor `number`.
pub(crate) fn push_of(space: SpaceId, number: u64, origin: ConnectionId, size: usize) -> PushedEvent {
    let state = RecordState::Live { blob: Bytes::from(vec![0xb1; size]), dek: None };
    let change = Change { id: RecordId::from_bytes([9; 16]), expected: Cursor::ZERO, state };
    PushedEvent {
        space,
        prev: cursor(number - 1),
        cursor: cursor(number),
        key_generation: Epoch::new(3).unwrap(),
        rewrap_epoch: None,
        changes: Arc::new([change]),
        deleted_files: Vec::new(),
        origin,
    }
}

/// Publishes a push, by a connection that is not subscribed, that leads to cursor `number`.
pub(crate) fn push(broker: &Broker, space: SpaceId, number: u64) {
    push_from(broker, space, number, connection(0xff));
}

pub(crate) fn push_from(broker: &Broker, space: SpaceId, number: u64, origin: ConnectionId) {
    broker.publish(SpaceEvent::Pushed(push_of(space, number, origin, 16)));
}

/// Decoded notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Push that led from the first cursor to the second.
    Sync(u64, u64),
    Hint(u64),
    Presence(String, Vec<u8>),
    Leave(String),
    Event(String, Vec<u8>),
    Revoked,
    Resubscribe(Vec<SpaceId>),
}

/// Connection, by its outbox.
pub(crate) struct Client {
    pub(crate) id: ConnectionId,
    pub(crate) outbox: Arc<Outbox>,
}

impl Client {
    pub(crate) fn new(number: u8) -> Self {
        Self { id: connection(number), outbox: Outbox::new(OutboxLimits::default()) }
    }

    pub(crate) fn register(&self, broker: &Broker, space: SpaceId) -> SubscriptionId {
        broker.register(space, self.id, &self.outbox)
    }

    /// Subscribes to a space at cursor `at`.
    pub(crate) fn subscribe(&self, broker: &Broker, space: SpaceId, at: u64) {
        let id = self.register(broker, space);
        broker.confirm(space, self.id, id, state(at));
        broker.activate(space, self.id, id);
    }

    /// Takes the queued frames.
    pub(crate) fn frames(&self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.outbox.take()).map(|outgoing| outgoing.frame).collect()
    }

    /// Takes and decodes the queued frames, each with its space.
    pub(crate) fn received_in(&self) -> Vec<(SpaceId, Received)> {
        self.frames().iter().map(decode).collect()
    }

    /// Takes and decodes the queued frames.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received_in().into_iter().map(|(_, received)| received).collect()
    }

    pub(crate) fn park(&self) {
        let _ready = self.outbox.poll_ready(&Context::from_waker(Waker::noop()));
    }
}

/// A broker with `N` connections subscribed to `HERE` at cursor 5.
pub(crate) fn subscribed_clients<const N: usize>() -> (Arc<Broker>, [Client; N]) {
    let broker = broker();
    let clients = std::array::from_fn(|number| Client::new(u8::try_from(number).unwrap()));
    for client in &clients {
        client.subscribe(&broker, HERE, 5);
    }
    (broker, clients)
}

/// The only notification in `received`.
pub(crate) fn only(received: Vec<Received>) -> Received {
    let [one] = received.try_into().unwrap();
    one
}

/// Peer id in the only notification in `received`.
pub(crate) fn peer_of(received: Vec<Received>) -> String {
    match only(received) {
        Received::Presence(peer, _) | Received::Leave(peer) | Received::Event(peer, _) => peer,
        other @ (Received::Sync(..) | Received::Hint(_) | Received::Revoked | Received::Resubscribe(_)) => {
            panic!("no peer in {other:?}")
        }
    }
}

fn decode(frame: &Bytes) -> (SpaceId, Received) {
    let Ok(ServerFrame::Notification { method, params }) = frame::parse_server(frame) else {
        panic!("not a notification: {frame:02x?}");
    };
    match method {
        method::SYNC => {
            let Sync { space, prev, cursor, key_generation, records, .. } = params.decode().unwrap();
            assert_eq!(key_generation.get(), 3);
            let hint = prev == cursor && records.is_empty();
            (
                space,
                if hint { Received::Hint(cursor.get()) } else { Received::Sync(prev.get(), cursor.get()) },
            )
        }
        method::PRESENCE => {
            let Presence { space, peer, data } = params.decode().unwrap();
            (space, Received::Presence(peer.to_owned(), data.to_vec()))
        }
        method::PRESENCE_LEAVE => {
            let PresenceLeave { space, peer } = params.decode().unwrap();
            (space, Received::Leave(peer.to_owned()))
        }
        method::EVENT => {
            let EphemeralEvent { space, peer, data } = params.decode().unwrap();
            (space, Received::Event(peer.to_owned(), data.to_vec()))
        }
        method::REVOKED => {
            let Revoked { space, reason } = params.decode().unwrap();
            assert_eq!(reason, "ucan_revoked");
            (space, Received::Revoked)
        }
        method::RESUBSCRIBE => {
            let Resubscribe { spaces } = params.decode().unwrap();
            (*spaces.first().unwrap(), Received::Resubscribe(spaces))
        }
        other => panic!("unexpected notification {other}"),
    }
}
