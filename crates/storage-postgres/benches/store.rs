//! Durable pushes and pulls on a PostgreSQL server of the bench's own. Names as in storage §7.4.
//!
//! `TMPDIR` says which disk is measured.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and issues its own grants"
)]

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_storage::{
    Change, CursorAhead, PullRequest, Push, PushLimits, Pushed, ReadGrant, RecordState, Records, Spaces,
    WriteGrant,
};
use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const LIMITS: PushLimits = PushLimits { records: 100_000, blob: 5 << 20, bytes: 500 << 20 };

static BYTES: [u8; 100 << 10] = [0xa5; 100 << 10];

struct Harness {
    runtime: Runtime,
    storage: Arc<PostgresStorage>,
    _database: TestDatabase,
}

impl Harness {
    fn new(server: &PrivateServer) -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, storage) = runtime.block_on(async {
            let database = TestDatabase::migrated_on(server).await;
            let options = PostgresOptions::new(database.url().parse().unwrap());
            (database, PostgresStorage::open(options).await.unwrap())
        });
        Self { runtime, storage: Arc::new(storage), _database: database }
    }

    fn space(&self, number: u8) -> SpaceId {
        let id = SpaceId::from_bytes([number; 16]);
        self.runtime.block_on(self.storage.personal_space(id, &"bench".parse().unwrap(), None)).unwrap().id
    }

    /// Runs `work` as sessions do: from within a task.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.block_on(self.runtime.spawn(work)).unwrap()
    }

    fn push(&self, space: SpaceId, seeds: Range<u64>, bytes: usize) {
        let storage = Arc::clone(&self.storage);
        self.run(async move { push(&storage, space, seeds, bytes).await });
    }

    fn pull(&self, space: SpaceId, since: u64, expected: usize) {
        let storage = Arc::clone(&self.storage);
        let rows = self.run(async move { pull(&storage, space, Cursor::new(since).unwrap()).await });
        assert_eq!(rows, expected);
    }
}

/// Ids as clients make them: without any order.
fn record_id(seed: u64) -> RecordId {
    let mixed = |salt: u64| {
        (seed ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    let number = u128::from(mixed(0)) << 64 | u128::from(mixed(u64::MAX));
    RecordId::from_bytes(number.to_be_bytes())
}

async fn push(storage: &PostgresStorage, space: SpaceId, seeds: Range<u64>, bytes: usize) {
    let state = RecordState::Live { blob: Bytes::from_static(&BYTES).slice(..bytes), dek: None };
    let changes = seeds
        .map(|seed| Change { id: record_id(seed), expected: Cursor::ZERO, state: state.clone() })
        .collect::<Vec<_>>();
    let push = Push::new(changes, None, LIMITS).unwrap();
    let pushed = storage.push(&WriteGrant::issue(space), push).await.unwrap();
    assert!(matches!(pushed, Pushed::Committed { .. }));
}

async fn pull(storage: &PostgresStorage, space: SpaceId, since: Cursor) -> usize {
    let grant = ReadGrant::issue(space);
    let request = PullRequest { since, ahead: CursorAhead::Error };
    let (state, first) = storage.begin_pull(&grant, request).await.unwrap();
    let (mut rows, mut position) = (black_box(&first.rows).len(), first.next);
    while let Some(from) = position {
        let page = storage.pull_page(&grant, &state, from).await.unwrap();
        rows += black_box(&page.rows).len();
        position = page.next;
    }
    rows
}

/// `total` pushes of 1 KiB from `callers` at once, into as many `spaces`.
fn push_from(harness: &Harness, callers: u64, spaces: &[SpaceId], total: u64, first: u64) -> Duration {
    let each = total.div_ceil(callers);
    let started = Instant::now();
    harness.runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (caller, space) in (0..callers).zip(spaces.iter().copied().cycle()) {
            let storage = Arc::clone(&harness.storage);
            tasks.spawn(async move {
                let first = first + caller * each;
                for seed in first..first + each {
                    push(&storage, space, seed..seed + 1, 1024).await;
                }
            });
        }
        tasks.join_all().await;
    });
    started.elapsed()
}

fn pushes(criterion: &mut Criterion) {
    let server = PrivateServer::start(Durability::Durable);
    let harness = Harness::new(&server);
    let (hot, mut seed) = (harness.space(1), 0);
    criterion.bench_function("postgres_push_hot", |bencher| {
        bencher.iter(|| {
            seed += 1;
            harness.push(hot, seed..seed + 1, 10);
        });
    });
    let mut group = criterion.benchmark_group("push_batch");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for records in [1_u64, 50, 1000] {
        group.throughput(Throughput::Elements(records));
        group.bench_function(BenchmarkId::from_parameter(records), |bencher| {
            bencher.iter(|| {
                seed += records;
                harness.push(hot, seed..seed + records, 1024);
            });
        });
    }
    group.finish();
    contended(criterion, &harness);
}

fn contended(criterion: &mut Criterion, harness: &Harness) {
    let spaces: Vec<SpaceId> = (2..34).map(|number| harness.space(number)).collect();
    let mut first = 1 << 40;
    let one = [harness.space(2)];
    for (name, spaces) in [("push_contended", &spaces[..]), ("push_contended_one_space", &one)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(8));
        for callers in [1, 8, 32, 256] {
            group.bench_with_input(BenchmarkId::from_parameter(callers), &callers, |bencher, callers| {
                bencher.iter_custom(|total| {
                    first += 1 << 32;
                    push_from(harness, *callers, spaces, total, first)
                });
            });
        }
        group.finish();
    }
}

fn pulls(criterion: &mut Criterion) {
    let server = PrivateServer::start(Durability::Volatile);
    let harness = Harness::new(&server);
    let (hot, large, blobs) = (harness.space(1), harness.space(2), harness.space(3));
    harness.push(hot, 0..2000, 10);
    criterion.bench_function("postgres_pull_hot", |b| b.iter(|| harness.pull(hot, 0, 2000)));
    for batch in 0..100 {
        harness.push(large, batch * 1000..(batch + 1) * 1000, 1024);
    }
    harness.push(large, 1 << 40..(1 << 40) + 10, 1024);
    criterion.bench_function("pull_incremental", |b| b.iter(|| harness.pull(large, 100, 10)));
    harness.push(blobs, 0..200, 100 << 10);
    let mut group = criterion.benchmark_group("pull");
    group.sample_size(10).throughput(Throughput::Bytes(200 * (100 << 10)));
    group.bench_function("pull_large_blobs", |b| b.iter(|| harness.pull(blobs, 0, 200)));
    group.throughput(Throughput::Bytes(10_000 * 1024));
    group.bench_function("pull_10k_of_100k", |b| b.iter(|| harness.pull(large, 90, 10_010)));
    group.finish();
}

criterion_group!(store, pushes, pulls);
criterion_main!(store);
