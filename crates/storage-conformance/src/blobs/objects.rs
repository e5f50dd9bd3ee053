//! Objects as their readers see them.

use futures_util::StreamExt;
use less_sync_core::{FileId, SpaceId};

use super::BlobsBackend;
use super::fixture::{Fixture, key};
use super::sizes::{PART, PIECE, SIZES, content};
use less_sync_storage::{BlobError, Blobs, ObjectKey, ObjectName};

/// H1.
pub async fn objects_of_all_sizes_come_back<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for (number, size) in (0..).zip(SIZES) {
        let (key, bytes) = (key(1, number, 1), content(u64::from(number), size));
        fixture.put(&key, &bytes).await;
        let (found, read) = fixture.read_part(&key, None).await.unwrap();
        assert_eq!(found, size as u64);
        assert!(read == bytes, "{size} bytes came back as {} others", read.len());
    }
}

/// A store that is opened later has what one before it wrote.
pub async fn object_outlives_the_store_that_wrote_it<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let bytes = content(1, 1000);
    fixture.put(&key(1, 1, 1), &bytes).await;
    let Fixture { backend, store } = fixture;
    drop(store);
    let store = backend.open().await;
    assert_eq!(Fixture { backend, store }.read(&key(1, 1, 1)).await, bytes);
}

/// Storage §4.5.
pub async fn pieces_are_small_and_not_empty<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.put(&key(1, 1, 1), &content(1, PART + 1)).await;
    let mut reader = fixture.store.open(&key(1, 1, 1), None).await.unwrap();
    while let Some(piece) = reader.bytes.next().await {
        assert!((1..=PIECE).contains(&piece.unwrap().len()));
    }
    fixture.put(&key(1, 2, 1), &content(1, 0)).await;
    let mut reader = fixture.store.open(&key(1, 2, 1), None).await.unwrap();
    assert!(reader.bytes.next().await.is_none());
}

/// H6: a missing object.
pub async fn unknown_object_is_not_found<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    assert!(fixture.is_missing(&key(1, 1, 1)).await);
    fixture.put(&key(1, 1, 1), &content(1, 10)).await;
    for missing in [key(1, 1, 2), key(1, 2, 1), key(2, 1, 1)] {
        assert!(fixture.is_missing(&missing).await);
        for range in [0..0, 0..1] {
            let opened = fixture.store.open(&missing, Some(range)).await;
            assert!(matches!(opened, Err(BlobError::NotFound)), "{opened:?}");
        }
    }
}

/// Storage §4.1: a store of the original is usable in place.
pub async fn object_of_the_original_is_read<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let legacy = ObjectKey::legacy(SpaceId::from_bytes([1; 16]), FileId::from_bytes([1; 16]));
    fixture.backend.put(&legacy.to_string(), b"from the original").await;
    assert_eq!(fixture.read(&legacy).await.as_ref(), b"from the original");
    assert!(fixture.is_missing(&key(1, 1, 1)).await);
    fixture.store.delete(&ObjectName::from(&legacy)).await.unwrap();
    assert!(fixture.is_missing(&legacy).await);
}

/// http §7.5.
pub async fn ranges_are_parts_of_the_object<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let (small, large) = (content(1, 10), content(2, 3 * PIECE + 1));
    fixture.put(&key(1, 1, 1), &small).await;
    fixture.put(&key(1, 2, 1), &large).await;
    for (file, bytes) in [(1, small), (2, large)] {
        let size = bytes.len();
        for (start, end) in [
            (0, size),
            (0, 1),
            (size - 1, size),
            (1, size - 1),
            (size / 2, size / 2 + 3),
            (0, 0),
            (size, size),
        ] {
            let range = start as u64..end as u64;
            let (whole, part) = fixture.read_part(&key(1, file, 1), Some(range)).await.unwrap();
            assert_eq!(whole, size as u64, "the size is that of all of it");
            assert!(part == bytes[start..end], "{start}..{end} of {size}");
        }
    }
}

/// A missing range is an error, not a shorter read.
pub async fn range_beyond_the_object_is_rejected<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.put(&key(1, 1, 1), &content(1, 10)).await;
    #[expect(clippy::reversed_empty_ranges, reason = "a caller may have turned it around")]
    for range in [0..11, 10..11, 11..11, 20..30, 5..4] {
        let opened = fixture.store.open(&key(1, 1, 1), Some(range.clone())).await;
        assert!(matches!(opened, Err(BlobError::Failed(_))), "{range:?}: {opened:?}");
    }
}

/// A download that ends early takes nothing from the next one.
pub async fn reader_may_stop_and_others_go_on<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let bytes = content(1, PART);
    fixture.put(&key(1, 1, 1), &bytes).await;
    let mut stopped = fixture.store.open(&key(1, 1, 1), None).await.unwrap();
    assert!(stopped.bytes.next().await.unwrap().is_ok());
    let waiting = fixture.store.open(&key(1, 1, 1), None).await.unwrap();
    drop(stopped);
    assert!(fixture.read(&key(1, 1, 1)).await == bytes);
    let read: usize = waiting.bytes.map(|piece| piece.unwrap().len()).collect::<Vec<_>>().await.iter().sum();
    assert_eq!(read, bytes.len());
}

/// Neighbours stay.
pub async fn deletion_is_for_good_and_for_one_name<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let bytes = content(1, 10);
    for (file, upload) in [(1, 1), (1, 2), (2, 1)] {
        fixture.put(&key(1, file, upload), &bytes).await;
    }
    fixture.store.delete(&ObjectName::from(&key(1, 1, 1))).await.unwrap();
    assert!(fixture.is_missing(&key(1, 1, 1)).await);
    assert_eq!(fixture.names().await, [key(1, 1, 2).to_string(), key(1, 2, 1).to_string()]);
    assert_eq!(fixture.read(&key(1, 1, 2)).await, bytes);
}

/// Storage §4.6: not found is success.
pub async fn deletion_of_nothing_is_success<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let name = ObjectName::from(&key(1, 1, 1));
    fixture.store.delete(&name).await.unwrap();
    fixture.put(&key(1, 1, 1), &content(1, 10)).await;
    for _repeat in 0..2 {
        fixture.store.delete(&name).await.unwrap();
    }
    fixture.store.delete(&format!("{name}/below/an/object").into()).await.unwrap();
}

/// A row of a database may say anything.
pub async fn name_that_leads_out_of_the_store_is_rejected<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for name in ["", "/", "/etc/passwd", "../outside", "spaces/../../outside", "spaces//x", "spaces/"] {
        let deleted = fixture.store.delete(&name.to_owned().into()).await;
        assert!(matches!(deleted, Err(BlobError::Failed(_))), "{name:?}: {deleted:?}");
    }
}

/// Storage §4.8.
pub async fn probe_leaves_nothing<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for _repeat in 0..2 {
        fixture.store.probe().await.unwrap();
    }
    assert_eq!(fixture.list(".less-sync-probe/").await, []);
    assert_eq!(fixture.names().await, Vec::<String>::new());
}
