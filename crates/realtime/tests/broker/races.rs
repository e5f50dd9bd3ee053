//! Concurrency: subscribers receive ascending cursors without loss under any interleaving of threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use less_sync_core::SpaceId;
use less_sync_realtime::{Broker, Outbox, OutboxLimits};
use parking_lot::Mutex;

use crate::fixture::{Client, HERE, Received, THERE, broker, connection, push_from, state};

/// Cursors of two spaces: commits are ordered by a lock and published after its release, as with storage.
#[derive(Default)]
struct Ledger {
    here: Mutex<u64>,
    there: Mutex<u64>,
}

impl Ledger {
    fn of(&self, space: SpaceId) -> &Mutex<u64> {
        if space == THERE { &self.there } else { &self.here }
    }

    fn commit(&self, space: SpaceId) -> u64 {
        let mut cursor = self.of(space).lock();
        *cursor += 1;
        *cursor
    }

    fn read(&self, space: SpaceId) -> u64 {
        *self.of(space).lock()
    }
}

/// Subscriber that checks the received events against its own cursor.
struct Reader {
    client: Client,
    space: SpaceId,
    cursor: u64,
    events: usize,
}

impl Reader {
    /// Subscribes as a connection does: register, read, confirm, write the response, activate.
    fn join(broker: &Broker, ledger: &Ledger, number: u8, space: SpaceId) -> Self {
        let outbox = Outbox::new(OutboxLimits { event_frames: usize::MAX, ..OutboxLimits::default() });
        let client = Client { id: connection(number), outbox };
        let id = client.register(broker, space);
        thread::yield_now();
        let cursor = ledger.read(space);
        broker.confirm(space, client.id, id, state(cursor));
        thread::yield_now();
        assert_eq!(client.received(), [], "nothing before the response");
        broker.activate(space, client.id, id);
        Self { client, space, cursor, events: 0 }
    }

    fn read(&mut self) {
        for (space, received) in self.client.received_in() {
            assert_eq!(space, self.space);
            self.cursor = match received {
                Received::Sync(prev, cursor) => {
                    assert_eq!(prev, self.cursor, "a gap before {cursor}");
                    self.events += 1;
                    cursor
                }
                Received::Hint(cursor) => {
                    assert!(cursor > self.cursor, "a hint for a known cursor");
                    cursor
                }
                other @ (Received::Presence(..)
                | Received::Leave(_)
                | Received::Event(..)
                | Received::Revoked
                | Received::Resubscribe(_)) => {
                    panic!("unexpected {other:?}")
                }
            };
        }
    }

    fn read_until(&mut self, cursor: u64) {
        while self.cursor < cursor {
            self.read();
            thread::yield_now();
        }
    }
}

/// B-12, G2, G3: two spaces, racing publishers, subscribers that stay and subscribers that come and go.
#[test]
fn subscribers_that_come_and_go_receive_every_push_in_order() {
    const PUBLISHERS: u8 = 4;
    const PUSHES: usize = 2_000;
    let (broker, ledger) = (broker(), Arc::new(Ledger::default()));
    let publishing = AtomicUsize::new(usize::from(PUBLISHERS));
    let staying = [HERE, THERE].map(|space| Reader::join(&broker, &ledger, 1, space));
    let visits = AtomicUsize::new(0);
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (broker, ledger, publishing) = (&broker, &ledger, &publishing);
            scope.spawn(move || {
                for push in 0..PUSHES {
                    let space = if push % 2 == 0 { HERE } else { THERE };
                    let cursor = ledger.commit(space);
                    if push % 7 == 0 {
                        thread::yield_now();
                    }
                    push_from(broker, space, cursor, connection(100 + publisher));
                }
                publishing.fetch_sub(1, Ordering::Release);
            });
        }
        for visitor in 0..2_u8 {
            let (broker, ledger, publishing, visits) = (&broker, &ledger, &publishing, &visits);
            scope.spawn(move || {
                let mut round = 0;
                while publishing.load(Ordering::Acquire) > 0 {
                    let space = if round % 2 == 0 { HERE } else { THERE };
                    let mut reader = Reader::join(broker, ledger, 10 + visitor, space);
                    let goal = ledger.read(space);
                    if round % 3 > 0 {
                        reader.read_until(goal);
                    }
                    assert!(broker.unsubscribe(space, reader.client.id));
                    reader.read();
                    assert_eq!(reader.client.received(), [], "nothing after leaving");
                    round += 1;
                    visits.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for mut reader in staying {
            let (ledger, publishing) = (&ledger, &publishing);
            scope.spawn(move || {
                while publishing.load(Ordering::Acquire) > 0 {
                    reader.read();
                    thread::yield_now();
                }
                let last = ledger.read(reader.space);
                assert_eq!(last, PUSHES as u64 / 2 * u64::from(PUBLISHERS));
                reader.read_until(last);
                assert!(reader.events > 0, "only hints");
            });
        }
    });
    assert!(visits.load(Ordering::Relaxed) > 10);
}

/// G2, a thousand times: a push that races a subscription is part of its state or delivered after it.
#[test]
fn push_that_races_a_subscription_is_never_lost() {
    for _ in 0..1_000 {
        let (broker, ledger) = (broker(), Ledger::default());
        thread::scope(|scope| {
            let subscriber = scope.spawn(|| Reader::join(&broker, &ledger, 1, HERE));
            let cursor = ledger.commit(HERE);
            push_from(&broker, HERE, cursor, connection(2));
            subscriber.join().unwrap().read_until(1);
        });
    }
}

#[test]
fn concurrent_subscriptions_and_presence_leave_no_state_behind() {
    let broker = broker();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let crowd: Vec<_> = (0..4_u8)
            .map(|number| {
                let broker = &broker;
                scope.spawn(move || {
                    let client = Client::new(number);
                    for round in 0..500 {
                        let space = if round % 2 == 0 { HERE } else { THERE };
                        client.subscribe(broker, space, 0);
                        broker.set_presence(space, client.id, b"here");
                        broker.send_event(space, client.id, b"event");
                        if round % 3 == 0 {
                            broker.clear_presence(space, client.id);
                        }
                        broker.unsubscribe(space, client.id);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                broker.sweep_presence();
                thread::yield_now();
            }
        });
        for one in crowd {
            one.join().unwrap();
        }
        done.store(true, Ordering::Release);
    });
    let metrics = broker.metrics();
    assert_eq!(metrics.presence_entries.get(), 0);
    assert_eq!(metrics.subscriptions.get(), 0);
    assert_eq!(metrics.spaces_watched.get(), 0);
}
