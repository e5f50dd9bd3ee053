//! Broker benchmarks: fan-out of a push, presence, ephemeral events, up to the outboxes of the subscribers.
//!
//! Outboxes are drained between rounds and their tasks parked, as those of connections that keep up.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use less_sync_core::{ConnectionId, Cursor, Dek, Epoch, RecordId, SpaceId, Timestamp};
use less_sync_engine::{Clock, Job, PushedEvent, SpaceEvent, SpaceEvents};
use less_sync_realtime::{Broker, BrokerSettings, Limits, Outbox, OutboxLimits, Position};
use less_sync_storage::{Change, RecordState};

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const SUBSCRIBERS: [u64; 3] = [10, 100, 1_000];

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }

    #[expect(clippy::disallowed_methods, reason = "the clock of the benchmark")]
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, _at: Instant) -> Job {
        Box::pin(std::future::pending())
    }
}

/// Space with subscribers.
struct Fixture {
    broker: Arc<Broker>,
    outboxes: Vec<Arc<Outbox>>,
    cursor: AtomicU64,
    changes: Arc<[Change]>,
}

fn connection(number: u64) -> ConnectionId {
    let mut id = [0; 16];
    id.iter_mut().zip(number.to_le_bytes()).for_each(|(byte, digit)| *byte = digit);
    ConnectionId::from_bytes(id)
}

fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap_or(Cursor::MAX)
}

impl Fixture {
    fn new(subscribers: u64) -> Self {
        let broker = Broker::new(BrokerSettings::new(&Limits::default(), [7; 32]), Arc::new(SystemClock));
        let state = Position { cursor: Cursor::ZERO, key_generation: Epoch::FIRST, rewrap_epoch: None };
        let subscribe = |number| {
            let outbox = Outbox::new(OutboxLimits::default());
            let id = broker.register(SPACE, connection(number), &outbox);
            broker.confirm(SPACE, connection(number), id, state);
            broker.activate(SPACE, connection(number), id);
            outbox
        };
        let outboxes = (0..subscribers).map(subscribe).collect();
        let blob = Bytes::from(vec![0xb1; 256]);
        let dek = Dek::try_from([0x44; 44].as_slice()).ok();
        let state = RecordState::Live { blob, dek };
        let change = Change { id: RecordId::from_bytes([9; 16]), expected: Cursor::ZERO, state };
        Self { broker, outboxes, cursor: AtomicU64::new(0), changes: Arc::new([change]) }
    }

    fn push(&self) {
        let prev = self.cursor.fetch_add(1, Ordering::Relaxed);
        self.broker.publish(SpaceEvent::Pushed(PushedEvent {
            space: SPACE,
            prev: cursor(prev),
            cursor: cursor(prev + 1),
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            changes: self.changes.clone(),
            deleted_files: Vec::new(),
            origin: connection(u64::MAX),
        }));
    }

    /// Drains all outboxes and parks their tasks.
    fn drain(&self) {
        let cx = Context::from_waker(Waker::noop());
        for outbox in &self.outboxes {
            while outbox.take().is_some() {}
            let _parked = outbox.poll_ready(&cx);
        }
    }
}

fn bench(criterion: &mut Criterion, name: &str, act: impl Fn(&Fixture)) {
    let mut group = criterion.benchmark_group(name);
    group.measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    for subscribers in SUBSCRIBERS {
        let fixture = Fixture::new(subscribers);
        group.throughput(Throughput::Elements(subscribers));
        group.bench_with_input(BenchmarkId::from_parameter(subscribers), &fixture, |bencher, fixture| {
            bencher.iter_batched(|| fixture.drain(), |()| act(fixture), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    bench(criterion, "fan-out", Fixture::push);
    bench(criterion, "presence set", |fixture| {
        fixture.broker.set_presence(SPACE, connection(0), black_box(&[1; 64]));
    });
    bench(criterion, "event send", |fixture| {
        fixture.broker.send_event(SPACE, connection(0), black_box(&[1; 64]));
    });
}

/// Fan-out with one task per subscriber to wake. Only the call of the publisher is timed.
fn fan_out_to_tasks(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build() else { return };
    let mut group = criterion.benchmark_group("fan-out to parked tasks");
    group.measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    for subscribers in SUBSCRIBERS {
        let fixture = Fixture::new(subscribers);
        let taken = Arc::new(AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for outbox in fixture.outboxes.iter().cloned() {
            tasks.spawn_on(read(outbox, taken.clone()), runtime.handle());
        }
        group.throughput(Throughput::Elements(subscribers));
        group.bench_function(BenchmarkId::from_parameter(subscribers), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| timed_push(&fixture, &taken)).sum());
        });
    }
    group.finish();
}

/// Takes frames as they come, as the task of a connection does.
async fn read(outbox: Arc<Outbox>, taken: Arc<AtomicU64>) {
    loop {
        std::future::poll_fn(|cx| outbox.poll_ready(cx)).await;
        while outbox.take().is_some() {
            taken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Duration of a push that finds every task parked.
fn timed_push(fixture: &Fixture, taken: &AtomicU64) -> Duration {
    let goal = taken.load(Ordering::Relaxed) + fixture.outboxes.len() as u64;
    let begun = SystemClock.instant();
    fixture.push();
    let took = begun.elapsed();
    while taken.load(Ordering::Relaxed) < goal {
        std::thread::yield_now();
    }
    took
}

/// Sweep without stale entries among many; registration and removal of a subscription beside them.
fn sweep(criterion: &mut Criterion) {
    let fixture = Fixture::new(1);
    let outbox = Outbox::new(OutboxLimits::default());
    for number in 0..10_000 {
        let space = SpaceId::from_bytes(*connection(number / 10).as_bytes());
        let id = fixture.broker.register(space, connection(number), &outbox);
        let state = Position { cursor: Cursor::ZERO, key_generation: Epoch::FIRST, rewrap_epoch: None };
        fixture.broker.confirm(space, connection(number), id, state);
        fixture.broker.set_presence(space, connection(number), b"here");
    }
    criterion.bench_function("sweep of 10000 fresh entries", |bencher| {
        bencher.iter(|| {
            fixture.broker.sweep_presence();
        });
    });
    criterion.bench_function("register and unsubscribe among 10000", |bencher| {
        bencher.iter(|| {
            black_box(fixture.broker.register(SPACE, connection(77), &outbox));
            fixture.broker.unsubscribe(SPACE, connection(77))
        });
    });
}

criterion_group!(benches, fan_out, fan_out_to_tasks, sweep);
criterion_main!(benches);
