//! Many at once: whoever watches sees ascending cursors without loss, however threads interleave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use less_sync_core::SpaceId;
use less_sync_realtime::{Broker, Outbox, OutboxLimits};
use parking_lot::Mutex;

use crate::fixture::{HERE, Heard, Listener, THERE, broker, connection, push_from, state};

/// Spaces whose commits are ordered by a lock, and published after it is released, as storage does it.
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

/// A watcher that checks what it is told against where it stands.
struct Reader {
    listener: Listener,
    space: SpaceId,
    stands: u64,
    told: usize,
}

impl Reader {
    /// Subscribes as a connection does: register, read, settle, write the response, open.
    fn join(broker: &Broker, ledger: &Ledger, number: u8, space: SpaceId) -> Self {
        let outbox = Outbox::new(OutboxLimits { event_frames: usize::MAX, ..OutboxLimits::default() });
        let listener = Listener { id: connection(number), outbox };
        let gate = listener.watch(broker, space);
        thread::yield_now();
        let stands = ledger.read(space);
        broker.confirm(space, listener.id, gate, state(stands));
        thread::yield_now();
        assert_eq!(listener.heard(), [], "nothing before the response");
        broker.activate(space, listener.id, gate);
        Self { listener, space, stands, told: 0 }
    }

    fn read(&mut self) {
        for (space, heard) in self.listener.heard_where() {
            assert_eq!(space, self.space);
            self.stands = match heard {
                Heard::Sync(prev, cursor) => {
                    assert_eq!(prev, self.stands, "a hole before {cursor}");
                    self.told += 1;
                    cursor
                }
                Heard::Hint(cursor) => {
                    assert!(cursor > self.stands, "a hint for what was known");
                    cursor
                }
                other @ (Heard::Presence(..)
                | Heard::Leave(_)
                | Heard::Event(..)
                | Heard::Revoked
                | Heard::Resubscribe(_)) => {
                    panic!("unexpected {other:?}")
                }
            };
        }
    }

    fn read_until(&mut self, cursor: u64) {
        while self.stands < cursor {
            self.read();
            thread::yield_now();
        }
    }
}

/// B-12, G2, G3: two spaces, publishers that race, watchers that stay and watchers that come and go.
#[test]
fn watchers_that_come_and_go_see_every_push_in_order() {
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
                    assert!(broker.unsubscribe(space, reader.listener.id));
                    reader.read();
                    assert_eq!(reader.listener.heard(), [], "nothing after leaving");
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
                assert!(reader.told > 0, "nothing but hints");
            });
        }
    });
    assert!(visits.load(Ordering::Relaxed) > 10);
}

/// G2, a thousand times: a push races a subscription, and is part of its state or told after it.
#[test]
fn a_push_that_races_a_subscription_is_never_lost() {
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

/// Presence and subscriptions from many threads leave nothing behind.
#[test]
fn a_crowd_that_left_leaves_no_trace() {
    let broker = broker();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let crowd: Vec<_> = (0..4_u8)
            .map(|number| {
                let broker = &broker;
                scope.spawn(move || {
                    let listener = Listener::new(number);
                    for round in 0..500 {
                        let space = if round % 2 == 0 { HERE } else { THERE };
                        listener.subscribe(broker, space, 0);
                        broker.set_presence(space, listener.id, b"here");
                        broker.send_event(space, listener.id, b"event");
                        if round % 3 == 0 {
                            broker.clear_presence(space, listener.id);
                        }
                        broker.unsubscribe(space, listener.id);
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
