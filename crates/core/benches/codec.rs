//! The codec on the hot path: a push comes in, an event and a page of a pull go out.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use less_sync_core::frame::{self, Inbound};
use less_sync_core::wire::event::{RecordEntry, Sync};
use less_sync_core::wire::pull::PullRecord;
use less_sync_core::wire::push::{ChangeParams, PushParams};
use less_sync_core::wire::{DekField, chunk, method};
use less_sync_core::{Cursor, Epoch, RecordId, SpaceId};

const SPACE: &str = "7b0d9e52-1c34-4f6a-8e21-5d90ab34cd12";
const DEK: [u8; 44] = [7; 44];

/// A push of `changes` records with blobs of `size` bytes, under a UCAN of ordinary length.
fn push(changes: u8, size: usize) -> Vec<u8> {
    let blob = vec![0xa5; size];
    let ids: Vec<_> = (0..changes).map(|n| RecordId::from_bytes([n; 16]).to_string()).collect();
    let change =
        |id| ChangeParams { id, blob: Some(&blob), expected_cursor: 41, dek: DekField::Stated(&DEK) };
    let changes = ids.iter().map(|id| change(id.as_str())).collect();
    let ucan = "u".repeat(700);
    let params =
        PushParams { space: SPACE, ucan: Some(&ucan), epoch: Some(Epoch::FIRST), home_server: None, changes };
    frame::request("rpc-1-m3x7k2q0", method::PUSH, &params).to_vec()
}

fn decoded(message: &[u8]) -> usize {
    let Ok(Inbound::Request { params, .. }) = frame::parse(message) else { return 0 };
    params.decode::<PushParams<'_>>().map_or(0, |push| push.changes.len())
}

fn decode_push(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode push");
    for (name, changes, size) in [("1 × 1 KiB", 1, 1024), ("50 × 1 KiB", 50, 1024), ("1 × 1 MiB", 1, 1 << 20)]
    {
        let message = push(changes, size);
        assert_eq!(decoded(&message), usize::from(changes));
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| decoded(black_box(&message))));
    }
    group.finish();
}

/// A map of half a mebibyte of keys: what the search for repetitions costs.
fn scan_many_keys(criterion: &mut Criterion) {
    let mut message = b"\xa2\x64type\x09\x61x\xbf".to_vec();
    for number in 0..(512 << 10) / 8 {
        message.push(0x66);
        message.extend_from_slice(format!("{number:06}").as_bytes());
        message.push(0);
    }
    message.push(0xff);
    assert_eq!(frame::parse(&message), Ok(Inbound::Ignored));
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("65536 keys", |bencher| bencher.iter(|| frame::parse(black_box(&message))));
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let (Ok(cursor), Ok(generation)) = (Cursor::new(1553), Epoch::new(2)) else { return };
    let (space, id) = (SpaceId::from_bytes([3; 16]), RecordId::from_bytes([4; 16]));
    let mut group = criterion.benchmark_group("encode");

    let blob = [0xa5; 512];
    let record = RecordEntry { id, blob: Some(&blob), cursor, dek: Some(&DEK), deleted: false };
    let sync = Sync {
        space,
        prev: cursor,
        cursor,
        key_generation: generation,
        rewrap_epoch: None,
        records: vec![record],
    };
    group.bench_function("sync 0.5 KiB", |bencher| {
        bencher.iter(|| frame::notification(method::SYNC, black_box(&sync)));
    });

    let blob = [0xa5; 1024];
    let record = PullRecord { space: SPACE, id, blob: Some(&blob), cursor, dek: Some(&DEK), deleted: false };
    let mut page = Vec::with_capacity(2048);
    group.bench_function("pull.record 1 KiB", |bencher| {
        bencher.iter(|| {
            page.clear();
            frame::write_chunk(&mut page, "rpc-1-m3x7k2q0", chunk::PULL_RECORD, black_box(&record));
        });
    });
    group.finish();
}

criterion_group!(benches, decode_push, scan_many_keys, encode);
criterion_main!(benches);
