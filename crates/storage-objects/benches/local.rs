//! Benchmark of durable writes and reads of objects in a temporary directory, on the disk of `TMPDIR`.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails has no caller to report to")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{Blobs, ObjectKey, ObjectName, UploadId};
use less_sync_storage_objects::LocalBlobs;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

const LARGE: usize = 64 << 20;
const SMALL: usize = 16 << 10;

/// Size of a write, as a socket delivers them.
const CHUNK: usize = 64 << 10;

const CONNECTIONS: u64 = 16;

struct Harness {
    _directory: TempDir,
    blobs: LocalBlobs,
    next: AtomicU64,
}

impl Harness {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let blobs = LocalBlobs::open(directory.path(), Uuid::from_u128(1)).await.unwrap();
        Self { _directory: directory, blobs, next: AtomicU64::new(0) }
    }

    /// Key of the next object, in one of sixteen spaces in turn.
    fn key(&self) -> ObjectKey {
        key(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

fn key(number: u64) -> ObjectKey {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    let space = SpaceId::from_bytes([u8::try_from(number % CONNECTIONS).unwrap(); 16]);
    ObjectKey::attempt(space, FileId::from_bytes(id), UploadId::from_bytes(id))
}

async fn put(blobs: &LocalBlobs, key: ObjectKey, bytes: Bytes) {
    let mut writer = blobs.create(&key, bytes.len() as u64).await.unwrap();
    for start in (0..bytes.len()).step_by(CHUNK) {
        writer.write(bytes.slice(start..bytes.len().min(start + CHUNK))).await.unwrap();
    }
    writer.finish().await.unwrap();
}

async fn get(blobs: &LocalBlobs, key: ObjectKey) {
    let mut reader = blobs.open(&key, None).await.unwrap();
    while let Some(chunk) = reader.bytes.next().await {
        black_box(chunk.unwrap());
    }
}

fn large(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (harness, bytes) = (runtime.block_on(Harness::new()), Bytes::from(vec![7; LARGE]));
    let mut group = c.benchmark_group("objects_64_mib");
    group.sample_size(10).throughput(Throughput::Bytes(LARGE as u64));
    group.bench_function("put", |b| {
        b.to_async(&runtime).iter(async || {
            let key = harness.key();
            put(&harness.blobs, key.clone(), bytes.clone()).await;
            harness.blobs.delete(&ObjectName::from(&key)).await.unwrap();
        });
    });
    runtime.block_on(put(&harness.blobs, key(u64::MAX), bytes));
    group.bench_function("get", |b| b.to_async(&runtime).iter(|| get(&harness.blobs, key(u64::MAX))));
    group.finish();
}

fn small(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (harness, bytes) = (runtime.block_on(Harness::new()), Bytes::from(vec![7; SMALL]));
    let mut group = c.benchmark_group("objects_16_kib");
    group.throughput(Throughput::Elements(1));
    group.bench_function("put", |b| {
        b.to_async(&runtime).iter(|| put(&harness.blobs, harness.key(), bytes.clone()));
    });
    group.throughput(Throughput::Elements(CONNECTIONS));
    group.bench_function("put_16_at_once", |b| {
        b.to_async(&runtime).iter(async || {
            let mut puts = JoinSet::new();
            for _connection in 0..CONNECTIONS {
                let (blobs, key, bytes) = (harness.blobs.clone(), harness.key(), bytes.clone());
                puts.spawn(async move { put(&blobs, key, bytes).await });
            }
            puts.join_all().await;
        });
    });
    group.throughput(Throughput::Elements(1));
    runtime.block_on(put(&harness.blobs, key(u64::MAX), bytes));
    group.bench_function("get", |b| b.to_async(&runtime).iter(|| get(&harness.blobs, key(u64::MAX))));
    group.finish();
}

criterion_group!(benches, large, small);
criterion_main!(benches);
