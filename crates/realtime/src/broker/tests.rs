//! Any history of commits, publications, losses and subscriptions against the one promise: nobody misses anything
//! unknowingly.

use std::time::Instant;

use less_sync_core::frame::{self, ServerFrame};
use less_sync_core::wire::event::Sync;
use less_sync_core::{Epoch, RecordId, Timestamp};
use less_sync_engine::Job;
use less_sync_storage::{Change, RecordState};
use proptest::prelude::*;

use super::*;
use crate::outbox::OutboxLimits;

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const WATCHERS: usize = 3;

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
    /// Somebody commits; watcher `n` if there is one.
    Commit(usize),
    /// One of the commits that were not published yet is, or is once more.
    Publish {
        which: usize,
        keep: bool,
    },
    /// A caller dies between commit and publication.
    Lose(usize),
    Watch(usize),
    Settle(usize),
    Open(usize),
    Unwatch(usize),
    Read(usize),
    /// What a position check does when the grace is over.
    Repair,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..2 * WATCHERS).prop_map(Op::Commit),
        8 => (any::<usize>(), any::<bool>()).prop_map(|(which, keep)| Op::Publish { which, keep }),
        1 => any::<usize>().prop_map(Op::Lose),
        3 => (0..WATCHERS).prop_map(Op::Watch),
        3 => (0..WATCHERS).prop_map(Op::Settle),
        3 => (0..WATCHERS).prop_map(Op::Open),
        1 => (0..WATCHERS).prop_map(Op::Unwatch),
        2 => (0..WATCHERS).prop_map(Op::Read),
        1 => Just(Op::Repair),
    ]
}

/// A connection, and what its client knows.
struct Client {
    id: ConnectionId,
    outbox: Arc<Outbox>,
    gate: Option<SubscriptionId>,
    /// Cursor of a response that was put together and not written.
    response: Option<u64>,
    live: bool,
    stands: u64,
}

impl Client {
    fn new(number: usize) -> Self {
        let limits = OutboxLimits { event_frames: usize::MAX, ..OutboxLimits::default() };
        Self {
            id: ConnectionId::from_bytes([u8::try_from(number).unwrap(); 16]),
            outbox: Outbox::new(limits),
            gate: None,
            response: None,
            live: false,
            stands: 0,
        }
    }

    /// Reads what waits; each frame must continue what the client knows, own pushes aside, or tell it to pull.
    fn read(&mut self, own: &[u64]) {
        while let Some(outgoing) = self.outbox.take() {
            let Ok(ServerFrame::Notification { params, .. }) = frame::parse_server(&outgoing.frame) else {
                panic!("not a notification");
            };
            let Sync { prev, cursor, records, .. } = params.decode().unwrap();
            assert!(cursor.get() > self.stands, "{cursor} again after {}", self.stands);
            if !records.is_empty() {
                self.skip_own(own);
                assert_eq!(prev.get(), self.stands, "a hole before {cursor}");
            }
            self.stands = cursor.get();
        }
    }

    fn skip_own(&mut self, own: &[u64]) {
        while own.contains(&(self.stands + 1)) {
            self.stands += 1;
        }
    }
}

struct World {
    broker: Arc<Broker>,
    committed: u64,
    /// Committed and not published, with whoever pushed.
    unpublished: Vec<(u64, ConnectionId)>,
    clients: Vec<Client>,
    own: Vec<Vec<u64>>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn new(held_events: usize) -> Self {
        let settings = BrokerSettings {
            held_events,
            reordered_events: held_events,
            ..BrokerSettings::new(&Limits::default(), [7; 32])
        };
        Self {
            broker: Broker::new(settings, Arc::new(StoppedClock(Instant::now()))),
            committed: 0,
            unpublished: Vec::new(),
            clients: (0..WATCHERS).map(Client::new).collect(),
            own: vec![Vec::new(); WATCHERS],
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
                // Only who has a subscription of its own is told nothing; its requests wait for it to be settled.
                let by = by.min(WATCHERS);
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
            Op::Watch(of) => {
                let client = &mut self.clients[of];
                client.gate = Some(self.broker.register(SPACE, client.id, &client.outbox));
                client.response = None;
            }
            Op::Settle(of) => self.settle(of),
            Op::Open(of) => self.open(of),
            Op::Unwatch(of) => {
                let client = &mut self.clients[of];
                self.broker.unsubscribe(SPACE, client.id);
                assert!(client.outbox.is_empty());
                (client.gate, client.response, client.live) = (None, None, false);
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

    fn settle(&mut self, of: usize) {
        let position = self.position();
        let client = &mut self.clients[of];
        if let Some(gate) = client.gate
            && client.response.is_none()
        {
            self.broker.confirm(SPACE, client.id, gate, position);
            client.response = Some(position.cursor.get());
        }
    }

    fn open(&mut self, of: usize) {
        let own = &self.own[of];
        let client = &mut self.clients[of];
        if let (Some(gate), Some(cursor)) = (client.gate, client.response.take()) {
            // The response leaves behind the events that were queued before it.
            client.read(own);
            client.stands = client.stands.max(cursor);
            self.broker.activate(SPACE, client.id, gate);
            (client.gate, client.live) = (None, true);
        }
    }

    /// Everything comes to rest: what was committed is published or found missing, and everybody reads.
    fn settle_down(&mut self) {
        for (number, origin) in std::mem::take(&mut self.unpublished) {
            self.publish(number, origin);
        }
        self.broker.repair(SPACE, self.position());
        for of in 0..WATCHERS {
            self.settle(of);
            self.open(of);
            let own = &self.own[of];
            let client = &mut self.clients[of];
            client.read(own);
            client.skip_own(own);
            assert!(
                !client.live || client.stands == self.committed,
                "{} of {}",
                client.stands,
                self.committed
            );
        }
    }
}

proptest! {
    /// G2, G3, G5.
    #[test]
    fn every_watcher_is_told_everything_once_and_in_order_or_to_pull(
        ops in proptest::collection::vec(op(), 0..120),
        held in prop_oneof![Just(64), 0_usize..4],
    ) {
        let mut world = World::new(held);
        for op in ops {
            world.apply(op);
        }
        world.settle_down();
    }
}
