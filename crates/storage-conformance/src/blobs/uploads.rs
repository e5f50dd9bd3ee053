//! Objects as their writers see them.

use std::pin::pin;

use futures_util::FutureExt;

use super::BlobsBackend;
use super::fixture::{Fixture, key, write};
use super::sizes::{PART, PIECE, content, pieces};
use less_sync_storage::{BlobError, BlobWriter, Blobs, ObjectName};

/// Sizes of objects that stores may treat differently.
const KINDS: [usize; 4] = [1000, PIECE + 1, PART, 2 * PART + 1];

async fn begun<B: BlobsBackend>(fixture: &Fixture<B>, size: usize, written: usize) -> Box<dyn BlobWriter> {
    let mut writer = fixture.store.create(&key(1, 1, 1), size as u64).await.unwrap();
    for piece in pieces(&content(1, written), PIECE) {
        writer.write(piece).await.unwrap();
    }
    writer
}

/// Storage §4.3 step 6.
pub async fn object_is_not_there_before_it_is_finished<B: BlobsBackend>() {
    for size in KINDS {
        let fixture = Fixture::<B>::new().await;
        let writer = begun(&fixture, size, size).await;
        assert!(fixture.is_missing(&key(1, 1, 1)).await);
        assert!(!fixture.names().await.contains(&key(1, 1, 1).to_string()));
        writer.finish().await.unwrap();
        assert!(fixture.read(&key(1, 1, 1)).await == content(1, size));
        assert_eq!(fixture.names().await, [key(1, 1, 1).to_string()], "no trace of the upload");
    }
}

/// However a socket cuts them.
pub async fn pieces_of_any_size_become_one_object<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let bytes = content(1, PART + 1);
    for (number, size) in (1..).zip([999, PIECE - 1, PIECE + 1, PART - 1, PART + 1]) {
        let mut writer = fixture.store.create(&key(1, number, 1), bytes.len() as u64).await.unwrap();
        for piece in pieces(&bytes, size) {
            writer.write(piece).await.unwrap();
            writer.write(content(1, 0)).await.unwrap();
        }
        writer.finish().await.unwrap();
        assert!(fixture.read(&key(1, number, 1)).await == bytes, "pieces of {size}");
    }
}

/// Storage §4.1: a key per attempt.
pub async fn attempts_of_one_file_do_not_meet<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let (one, two) = (content(1, PART + 1), content(2, PART + 1));
    let mut first = fixture.store.create(&key(1, 1, 1), one.len() as u64).await.unwrap();
    let mut second = fixture.store.create(&key(1, 1, 2), two.len() as u64).await.unwrap();
    for (a, b) in pieces(&one, PIECE).zip(pieces(&two, PIECE)) {
        first.write(a).await.unwrap();
        second.write(b).await.unwrap();
    }
    first.finish().await.unwrap();
    assert!(fixture.is_missing(&key(1, 1, 2)).await);
    second.finish().await.unwrap();
    assert!(fixture.read(&key(1, 1, 1)).await == one);
    assert!(fixture.read(&key(1, 1, 2)).await == two);
}

/// An aborted upload can neither be opened nor listed, and its key can be used again.
pub async fn aborted_upload_leaves_nothing<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for size in KINDS {
        for written in [0, size / 2, size] {
            begun(&fixture, size, written).await.abort().await;
            assert!(fixture.is_missing(&key(1, 1, 1)).await);
            assert_eq!(fixture.names().await, Vec::<String>::new(), "{written} of {size}");
        }
    }
    fixture.put(&key(1, 1, 1), &content(1, 10)).await;
}

/// A client that hangs up drops the writer (http §7.6).
pub async fn dropped_upload_leaves_what_delete_removes<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for size in KINDS {
        for written in [0, size / 2, size] {
            drop(begun(&fixture, size, written).await);
            assert!(fixture.is_missing(&key(1, 1, 1)).await);
            fixture.store.delete(&ObjectName::from(&key(1, 1, 1))).await.unwrap();
            assert_eq!(fixture.names().await, Vec::<String>::new(), "{written} of {size}");
        }
    }
}

/// An upload that was in progress at a deletion does not complete afterwards.
pub async fn dropped_finish_leaves_what_delete_removes<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for size in KINDS {
        // On a busy machine an object may be durable before the first look at the future: then the next one is dropped.
        let mut is_dropped = false;
        for _ in 0..100 {
            let writer = begun(&fixture, size, size).await;
            is_dropped = pin!(writer.finish()).now_or_never().is_none();
            fixture.store.delete(&ObjectName::from(&key(1, 1, 1))).await.unwrap();
            if is_dropped {
                break;
            }
        }
        assert!(is_dropped, "no object is durable at once");
        assert!(fixture.is_missing(&key(1, 1, 1)).await, "{size}");
        assert_eq!(fixture.names().await, Vec::<String>::new(), "{size}");
    }
}

/// The writer enforces the announced size, independently of its callers.
pub async fn upload_that_is_too_long_is_rejected<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for size in [0].into_iter().chain(KINDS) {
        let mut writer = begun(&fixture, size, size).await;
        let written = writer.write(content(1, 1)).await;
        assert!(matches!(written, Err(BlobError::Failed(_))), "{written:?}");
        assert!(writer.finish().await.is_err(), "only good for abort");
        assert!(fixture.is_missing(&key(1, 1, 1)).await);
        fixture.store.delete(&ObjectName::from(&key(1, 1, 1))).await.unwrap();
    }
}

/// Half an object is none.
pub async fn upload_that_is_too_short_is_rejected<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for size in KINDS {
        let finished = begun(&fixture, size, size - 1).await.finish().await;
        assert!(matches!(finished, Err(BlobError::Failed(_))), "{finished:?}");
        assert!(fixture.is_missing(&key(1, 1, 1)).await);
        fixture.store.delete(&ObjectName::from(&key(1, 1, 1))).await.unwrap();
    }
}

/// As the engine holds it.
pub async fn everything_works_through_the_trait_object<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let store: &dyn Blobs = &fixture.store;
    write(store, &key(1, 1, 1), &content(1, 10)).await.unwrap();
    assert_eq!(store.open(&key(1, 1, 1), None).await.unwrap().size, 10);
    store.probe().await.unwrap();
    store.delete(&ObjectName::from(&key(1, 1, 1))).await.unwrap();
}
