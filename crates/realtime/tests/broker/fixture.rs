//! A broker, connections that listen to it, and a clock that moves with tokio's.

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

/// Time as tokio has it: real, or paused by the test.
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

/// A space at this cursor, in its third epoch.
pub(crate) fn state(number: u64) -> Position {
    Position { cursor: cursor(number), key_generation: Epoch::new(3).unwrap(), rewrap_epoch: None }
}

pub(crate) fn connection(number: u8) -> ConnectionId {
    ConnectionId::from_bytes([number; 16])
}

/// The push of one record of this size that leads to cursor `number`.
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

/// Somebody who watches nothing pushes, leading to cursor `number`.
pub(crate) fn push(broker: &Broker, space: SpaceId, number: u64) {
    push_from(broker, space, number, connection(0xff));
}

pub(crate) fn push_from(broker: &Broker, space: SpaceId, number: u64, origin: ConnectionId) {
    broker.publish(SpaceEvent::Pushed(push_of(space, number, origin, 16)));
}

/// What a connection was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The push that led from the first cursor to the second.
    Sync(u64, u64),
    Hint(u64),
    Presence(String, Vec<u8>),
    Leave(String),
    Event(String, Vec<u8>),
    Revoked,
    Resubscribe(Vec<SpaceId>),
}

/// A connection.
pub(crate) struct Listener {
    pub(crate) id: ConnectionId,
    pub(crate) outbox: Arc<Outbox>,
}

impl Listener {
    pub(crate) fn new(number: u8) -> Self {
        Self { id: connection(number), outbox: Outbox::new(OutboxLimits::default()) }
    }

    pub(crate) fn watch(&self, broker: &Broker, space: SpaceId) -> SubscriptionId {
        broker.register(space, self.id, &self.outbox)
    }

    /// Subscribes to a space that stands at this cursor.
    pub(crate) fn subscribe(&self, broker: &Broker, space: SpaceId, at: u64) {
        let generation = self.watch(broker, space);
        broker.confirm(space, self.id, generation, state(at));
        broker.activate(space, self.id, generation);
    }

    /// Every frame that waits.
    pub(crate) fn frames(&self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.outbox.take()).map(|outgoing| outgoing.frame).collect()
    }

    /// What every frame that waits says; with the space it says it about.
    pub(crate) fn heard_where(&self) -> Vec<(SpaceId, Heard)> {
        self.frames().iter().map(understand).collect()
    }

    /// What every frame that waits says.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard_where().into_iter().map(|(_, heard)| heard).collect()
    }

    pub(crate) fn park(&self) {
        let _ready = self.outbox.poll_ready(&Context::from_waker(Waker::noop()));
    }
}

/// A broker, and the first so many connections subscribed to a space at cursor 5.
pub(crate) fn audience<const N: usize>() -> (Arc<Broker>, [Listener; N]) {
    let broker = broker();
    let listeners = std::array::from_fn(|number| Listener::new(u8::try_from(number).unwrap()));
    for listener in &listeners {
        listener.subscribe(&broker, HERE, 5);
    }
    (broker, listeners)
}

/// The one thing that was heard.
pub(crate) fn only(heard: Vec<Heard>) -> Heard {
    let [one] = heard.try_into().unwrap();
    one
}

/// Under which name the one thing was heard.
pub(crate) fn peer_of(heard: Vec<Heard>) -> String {
    match only(heard) {
        Heard::Presence(peer, _) | Heard::Leave(peer) | Heard::Event(peer, _) => peer,
        other @ (Heard::Sync(..) | Heard::Hint(_) | Heard::Revoked | Heard::Resubscribe(_)) => {
            panic!("nobody speaks in {other:?}")
        }
    }
}

fn understand(frame: &Bytes) -> (SpaceId, Heard) {
    let Ok(ServerFrame::Notification { method, params }) = frame::parse_server(frame) else {
        panic!("not a notification: {frame:02x?}");
    };
    match method {
        method::SYNC => {
            let Sync { space, prev, cursor, key_generation, records, .. } = params.decode().unwrap();
            assert_eq!(key_generation.get(), 3);
            let hint = prev == cursor && records.is_empty();
            (space, if hint { Heard::Hint(cursor.get()) } else { Heard::Sync(prev.get(), cursor.get()) })
        }
        method::PRESENCE => {
            let Presence { space, peer, data } = params.decode().unwrap();
            (space, Heard::Presence(peer.to_owned(), data.to_vec()))
        }
        method::PRESENCE_LEAVE => {
            let PresenceLeave { space, peer } = params.decode().unwrap();
            (space, Heard::Leave(peer.to_owned()))
        }
        method::EVENT => {
            let EphemeralEvent { space, peer, data } = params.decode().unwrap();
            (space, Heard::Event(peer.to_owned(), data.to_vec()))
        }
        method::REVOKED => {
            let Revoked { space, reason } = params.decode().unwrap();
            assert_eq!(reason, "ucan_revoked");
            (space, Heard::Revoked)
        }
        method::RESUBSCRIBE => {
            let Resubscribe { spaces } = params.decode().unwrap();
            (*spaces.first().unwrap(), Heard::Resubscribe(spaces))
        }
        other => panic!("unexpected notification {other}"),
    }
}
