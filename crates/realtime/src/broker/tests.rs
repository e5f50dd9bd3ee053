//! Model-based property test: under any history of commits, publications, losses and subscriptions, every client gets each
//! event once and in order, or a pull hint.

use std::time::Instant;

use less_sync_core::frame::{self, ServerFrame};
use less_sync_core::wire::event::Sync;
use less_sync_core::{Epoch, RecordId, Timestamp};
use less_sync_engine::{Job, PushedEvent, SpaceEvent, SpaceEvents};
use less_sync_storage::{Change, RecordState};
use proptest::prelude::*;

use super::*;
use crate::limits::Limits;
use crate::outbox::OutboxLimits;

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const CLIENTS: usize = 3;

struct StoppedClock(Instant);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }

    fn instant(&self) -> Instant {
        self.0
    }

    fn sleep_until(&self, _at: Instant) -> Job {
        Box::pin(std::future::pending())
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A commit by client `n`, or by a connection that is not subscribed if there is no such client.
    Commit(usize),
    /// The publication of an unpublished commit, which may be published again if `keep`.
    Publish {
        which: usize,
        keep: bool,
    },
    /// The death of a caller between commit and publication.
    Lose(usize),
    Register(usize),
    Confirm(usize),
    Activate(usize),
    Unsubscribe(usize),
    Read(usize),
    /// The repair by the position check after its grace period.
    Repair,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..2 * CLIENTS).prop_map(Op::Commit),
        8 => (any::<usize>(), any::<bool>()).prop_map(|(which, keep)| Op::Publish { which, keep }),
        1 => any::<usize>().prop_map(Op::Lose),
        3 => (0..CLIENTS).prop_map(Op::Register),
        3 => (0..CLIENTS).prop_map(Op::Confirm),
        3 => (0..CLIENTS).prop_map(Op::Activate),
        1 => (0..CLIENTS).prop_map(Op::Unsubscribe),
        2 => (0..CLIENTS).prop_map(Op::Read),
        1 => Just(Op::Repair),
    ]
}

/// Connection with the state of its client.
struct Client {
    id: ConnectionId,
    outbox: Arc<Outbox>,
    registration: Option<SubscriptionId>,
    /// Cursor in the response that is not written yet.
    response: Option<u64>,
    live: bool,
    /// Cursor up to which the client is complete.
    cursor: u64,
}

impl Client {
    fn new(number: usize) -> Self {
        let limits = OutboxLimits { event_frames: usize::MAX, ..OutboxLimits::default() };
        Self {
            id: ConnectionId::from_bytes([u8::try_from(number).unwrap(); 16]),
            outbox: Outbox::new(limits),
            registration: None,
            response: None,
            live: false,
            cursor: 0,
        }
    }

    /// Reads the queued frames. Each has to be contiguous to the client's cursor, own pushes aside, or a pull hint.
    fn read(&mut self, own: &[u64]) {
        while let Some(outgoing) = self.outbox.take() {
            let Ok(ServerFrame::Notification { params, .. }) = frame::parse_server(&outgoing.frame) else {
                panic!("not a notification");
            };
            let Sync { prev, cursor, records, .. } = params.decode().unwrap();
            assert!(cursor.get() > self.cursor, "{cursor} again after {}", self.cursor);
            if !records.is_empty() {
                self.skip_own(own);
                assert_eq!(prev.get(), self.cursor, "a gap before {cursor}");
            }
            self.cursor = cursor.get();
        }
    }

    fn skip_own(&mut self, own: &[u64]) {
        while own.contains(&(self.cursor + 1)) {
            self.cursor += 1;
        }
    }
}

struct Model {
    broker: Arc<Broker>,
    committed: u64,
    /// Committed and unpublished cursors, with the connection that pushed.
    unpublished: Vec<(u64, ConnectionId)>,
    clients: Vec<Client>,
    own: Vec<Vec<u64>>,
}

impl Model {
    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn new(buffered_events: usize) -> Self {
        let settings = BrokerSettings {
            buffered_events,
            reordered_events: buffered_events,
            ..BrokerSettings::new(&Limits::default(), [7; 32])
        };
        Self {
            broker: Broker::new(settings, Arc::new(StoppedClock(Instant::now()))),
            committed: 0,
            unpublished: Vec::new(),
            clients: (0..CLIENTS).map(Client::new).collect(),
            own: vec![Vec::new(); CLIENTS],
        }
    }

    fn position(&self) -> Position {
        Position {
            cursor: Cursor::new(self.committed).unwrap(),
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
        }
    }

    fn publish(&self, number: u64, origin: ConnectionId) {
        let state = RecordState::Tombstone;
        let change = Change { id: RecordId::from_bytes([9; 16]), expected: Cursor::ZERO, state };
        self.broker.publish(SpaceEvent::Pushed(PushedEvent {
            space: SPACE,
            prev: Cursor::new(number - 1).unwrap(),
            cursor: Cursor::new(number).unwrap(),
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            changes: Arc::new([change]),
            deleted_files: Vec::new(),
            origin,
        }));
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Commit(by) => {
                self.committed += 1;
                let committed = self.committed;
                let by = by.min(CLIENTS);
                let origin =
                    self.clients.get(by).map_or(ConnectionId::from_bytes([0xff; 16]), |client| client.id);
                if let Some(own) = self.own.get_mut(by) {
                    own.push(committed);
                }
                self.unpublished.push((committed, origin));
            }
            Op::Publish { which, keep } => {
                if let Some(&(number, origin)) = self.pick(which) {
                    self.publish(number, origin);
                    self.unpublished.retain(|(other, _)| keep || *other != number);
                }
            }
            Op::Lose(which) => {
                if let Some(&(number, _)) = self.pick(which) {
                    self.unpublished.retain(|(other, _)| *other != number);
                }
            }
            Op::Register(of) => {
                let client = &mut self.clients[of];
                client.registration = Some(self.broker.register(SPACE, client.id, &client.outbox));
                client.response = None;
            }
            Op::Confirm(of) => self.confirm(of),
            Op::Activate(of) => self.activate(of),
            Op::Unsubscribe(of) => {
                let client = &mut self.clients[of];
                self.broker.unsubscribe(SPACE, client.id);
                assert!(client.outbox.is_empty());
                (client.registration, client.response, client.live) = (None, None, false);
            }
            Op::Read(of) => self.clients[of].read(&self.own[of]),
            Op::Repair => {
                self.broker.repair(SPACE, self.position());
            }
        }
    }

    fn pick(&self, which: usize) -> Option<&(u64, ConnectionId)> {
        self.unpublished.get(which.checked_rem(self.unpublished.len())?)
    }

    fn confirm(&mut self, of: usize) {
        let position = self.position();
        let client = &mut self.clients[of];
        if let Some(id) = client.registration
            && client.response.is_none()
        {
            self.broker.confirm(SPACE, client.id, id, position);
            client.response = Some(position.cursor.get());
        }
    }

    fn activate(&mut self, of: usize) {
        let own = &self.own[of];
        let client = &mut self.clients[of];
        if let (Some(id), Some(cursor)) = (client.registration, client.response.take()) {
            // Events queued before the response are written before it.
            client.read(own);
            client.cursor = client.cursor.max(cursor);
            self.broker.activate(SPACE, client.id, id);
            (client.registration, client.live) = (None, true);
        }
    }

    /// Publishes or repairs every commit, completes every subscription, and reads everything.
    fn finish(&mut self) {
        for (number, origin) in std::mem::take(&mut self.unpublished) {
            self.publish(number, origin);
        }
        self.broker.repair(SPACE, self.position());
        for of in 0..CLIENTS {
            self.confirm(of);
            self.activate(of);
            let own = &self.own[of];
            let client = &mut self.clients[of];
            client.read(own);
            client.skip_own(own);
            assert!(
                !client.live || client.cursor == self.committed,
                "{} of {}",
                client.cursor,
                self.committed
            );
        }
    }
}

proptest! {
    /// G2, G3, G5.
    #[test]
    fn every_subscriber_gets_each_event_once_and_in_order_or_a_pull_hint(
        ops in proptest::collection::vec(op(), 0..120),
        buffered_events in prop_oneof![Just(64), 0_usize..4],
    ) {
        let mut model = Model::new(buffered_events);
        for op in ops {
            model.apply(op);
        }
        model.finish();
    }
}
