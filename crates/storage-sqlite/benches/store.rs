//! Durable pushes and pulls on an embedded database in a temporary directory.
//!
//! `TMPDIR` says which disk is measured.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and issues its own grants"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use less_sync_core::{Cursor, Dek, DekKind, RecordId, SpaceId};
use less_sync_storage::{
    AdminGrant, Change, CursorAhead, Deks, PullRequest, Push, PushLimits, Pushed, ReadGrant, RecordState,
    Records, Rewrap, RewrapGuard, Spaces, WriteGrant,
};
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const BLOB: usize = 1024;
const LIMITS: PushLimits = PushLimits { records: 100_000, blob: 5 << 20, bytes: 500 << 20 };

struct Harness {
    _directory: TempDir,
    storage: Arc<SqliteStorage>,
}

impl Harness {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open(SqliteOptions::new(directory.path().join("sync.db"))).unwrap();
        Self { _directory: directory, storage: Arc::new(storage) }
    }

    async fn space(&self, number: u8) -> SpaceId {
        let id = SpaceId::from_bytes([number; 16]);
        self.storage.personal_space(id, &"bench".parse().unwrap(), None).await.unwrap();
        id
    }

    /// A space with `rows` records of 1 KiB, pushed in batches of a hundred.
    async fn filled(&self, rows: u64) -> SpaceId {
        let space = self.space(1).await;
        for batch in 0..rows / 100 {
            push(&self.storage, space, batch * 100..(batch + 1) * 100).await;
        }
        space
    }

    /// The same with a key for each record.
    async fn keyed(&self, rows: u64) -> SpaceId {
        let space = self.space(1).await;
        for batch in 0..rows / 100 {
            push_with(&self.storage, space, batch * 100..(batch + 1) * 100, Some(first_key())).await;
        }
        space
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

async fn push(storage: &SqliteStorage, space: SpaceId, seeds: std::ops::Range<u64>) {
    push_with(storage, space, seeds, None).await;
}

async fn push_with(storage: &SqliteStorage, space: SpaceId, seeds: std::ops::Range<u64>, dek: Option<Dek>) {
    static BYTES: [u8; BLOB] = [0xa5; BLOB];
    let state = RecordState::Live { blob: Bytes::from_static(&BYTES), dek };
    let changes = seeds
        .map(|seed| Change { id: record_id(seed), expected: Cursor::ZERO, state: state.clone() })
        .collect::<Vec<_>>();
    let pushed =
        storage.push(&WriteGrant::issue(space), Push::new(changes, None, LIMITS).unwrap()).await.unwrap();
    assert!(matches!(pushed, Pushed::Committed { .. }));
}

/// `total` single-record pushes from `callers` at once, each into its own space.
async fn push_from(harness: &Harness, callers: u8, total: u64, first: u64) -> Duration {
    let mut spaces = Vec::new();
    for caller in 0..callers {
        spaces.push(harness.space(caller).await);
    }
    let each = total.div_ceil(u64::from(callers));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (space, caller) in spaces.into_iter().zip(0_u64..) {
        let storage = Arc::clone(&harness.storage);
        tasks.spawn(async move {
            let first = first + caller * each;
            for seed in first..first + each {
                push(&storage, space, seed..seed + 1).await;
            }
        });
    }
    tasks.join_all().await;
    started.elapsed()
}

async fn pull(storage: &SqliteStorage, space: SpaceId, since: Cursor, pages: usize) -> usize {
    let grant = ReadGrant::issue(space);
    let request = PullRequest { since, ahead: CursorAhead::Error };
    let (state, first) = storage.begin_pull(&grant, request).await.unwrap();
    let (mut rows, mut position) = (black_box(&first.rows).len(), first.next);
    for _ in 1..pages {
        let Some(from) = position else { break };
        let page = storage.pull_page(&grant, &state, from).await.unwrap();
        rows += black_box(&page.rows).len();
        position = page.next;
    }
    rows
}

fn pushes(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("push_contended");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(8));
    for callers in [1, 8, 32, 128] {
        let harness = Harness::new();
        let mut first = 0;
        group.bench_with_input(BenchmarkId::from_parameter(callers), &callers, |bencher, callers| {
            bencher.iter_custom(|total| {
                first += 1 << 32;
                runtime.block_on(push_from(&harness, *callers, total, first))
            });
        });
        runtime.block_on(harness.storage.close());
    }
    group.finish();
    let mut group = criterion.benchmark_group("push_batch");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for records in [1_u64, 50, 100, 1000] {
        let harness = Harness::new();
        let space = runtime.block_on(harness.space(1));
        let mut seed = 0;
        group.throughput(Throughput::Elements(records));
        group.bench_function(BenchmarkId::from_parameter(records), |bencher| {
            bencher.iter(|| {
                seed += records;
                runtime.block_on(push(&harness.storage, space, seed..seed + records));
            });
        });
        runtime.block_on(harness.storage.close());
    }
    group.finish();
}

fn pulls(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let harness = Harness::new();
    let space = runtime.block_on(harness.filled(100_000));
    // Asked for from inside a task, as sessions do.
    let run = |since: u64, pages: usize, expected: usize| {
        let storage = Arc::clone(&harness.storage);
        let since = Cursor::new(since).unwrap();
        let rows = runtime
            .block_on(runtime.spawn(async move { pull(&storage, space, since, pages).await }))
            .unwrap();
        assert_eq!(rows, expected);
    };
    let mut group = criterion.benchmark_group("pull");
    group
        .throughput(Throughput::Elements(512))
        .bench_function("first_page_of_100k", |b| b.iter(|| run(0, 1, 512)));
    group.throughput(Throughput::Bytes((10_000 * BLOB) as u64)).sample_size(20);
    group.bench_function("10k_of_100k", |b| b.iter(|| run(900, usize::MAX, 10_000)));
    runtime.block_on(async {
        for seed in 1..=10 {
            push(&harness.storage, space, (1 << 40) + seed..(1 << 40) + seed + 1).await;
        }
    });
    group.throughput(Throughput::Elements(10)).sample_size(100);
    group.bench_function("newest_10_of_100k", |b| b.iter(|| run(1000, 1, 10)));
    group.finish();
    interleaved(criterion, &runtime);
}

/// A space whose records lie between those of 31 others.
fn interleaved(criterion: &mut Criterion, runtime: &Runtime) {
    let harness = Harness::new();
    runtime.block_on(push_from(&harness, 32, 100_000, 0));
    let space = SpaceId::from_bytes([1; 16]);
    let mut group = criterion.benchmark_group("pull");
    group.throughput(Throughput::Elements(3125)).sample_size(20);
    group.bench_function("interleaved_with_31_spaces", |b| {
        b.iter(|| {
            let storage = Arc::clone(&harness.storage);
            let pulled = async move { pull(&storage, space, Cursor::ZERO, usize::MAX).await };
            assert_eq!(runtime.block_on(runtime.spawn(pulled)).unwrap(), 3125);
        });
    });
    group.finish();
}

/// All keys of a large space wrapped anew in one call, beside blobs of 1 KiB (storage §3.12: below half a second).
fn rewraps(criterion: &mut Criterion) {
    const KEYS: u64 = 20_000;
    let (runtime, harness) = (Runtime::new().unwrap(), Harness::new());
    let space = runtime.block_on(harness.keyed(KEYS));
    let mut group = criterion.benchmark_group("rewrap");
    group.throughput(Throughput::Elements(KEYS)).sample_size(10);
    group.bench_function("20k", |bencher| {
        bencher.iter(|| {
            let entry = |seed| Rewrap { id: record_id(seed).into(), dek: first_key(), observed: None };
            let entries = (0..KEYS).map(entry).collect();
            let grant = AdminGrant::issue(space);
            let rewrap = harness.storage.rewrap_deks(&grant, DekKind::Record, entries, RewrapGuard::Off);
            assert_eq!(runtime.block_on(rewrap).unwrap().replaced as u64, KEYS);
        });
    });
    group.finish();
    runtime.block_on(harness.storage.close());
}

/// A wrapped key of the first epoch.
fn first_key() -> Dek {
    let mut bytes = [7; Dek::LENGTH];
    bytes[..4].copy_from_slice(&1_u32.to_be_bytes());
    Dek::try_from(&bytes[..]).unwrap()
}

criterion_group!(store, pushes, pulls, rewraps);
criterion_main!(store);
