//! What becomes of objects when the store fails (storage §4.4, §4.8).

#![expect(clippy::unwrap_used, reason = "failing is how a test says that something is wrong")]

mod bucket;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{BlobError, BlobWriter, Blobs, ObjectKey, UploadId};
use less_sync_storage_objects::{Patience, S3Blobs, S3Options};
use less_sync_test_support::s3::{S3Server, Trouble};
use less_sync_test_support::within;
use tokio::net::TcpListener;

const PART: usize = 5 << 20;
const PIECE: usize = 256 * 1024;

/// Short, and without a second attempt.
const IMPATIENT: Patience = Patience {
    connect: Duration::from_millis(300),
    answer: Duration::from_millis(300),
    transfer: Duration::from_millis(300),
    stall: Duration::from_millis(300),
    retries: 0,
    retry_within: Duration::ZERO,
};

/// One attempt and time enough for slow machines.
const STRAIGHT: Patience = Patience {
    connect: Duration::from_secs(10),
    answer: Duration::from_secs(20),
    transfer: Duration::from_secs(20),
    stall: Duration::from_secs(20),
    retries: 0,
    retry_within: Duration::ZERO,
};

struct Harness {
    server: S3Server,
    blobs: S3Blobs,
}

impl Harness {
    async fn new() -> Self {
        Self::with(Patience::default()).await
    }

    async fn with(patience: Patience) -> Self {
        Self::changed(|options| S3Options { patience, ..options }).await
    }

    async fn changed(change: impl FnOnce(S3Options) -> S3Options) -> Self {
        let server = S3Server::start().await;
        let blobs = bucket::connect(&change(bucket::options(&server)));
        Self { server, blobs }
    }

    async fn upload(&self, size: usize) -> Result<(), BlobError> {
        let mut writer = self.blobs.create(&key(), size as u64).await?;
        write(&mut *writer, size).await?;
        writer.finish().await
    }

    async fn read(&self) -> Result<usize, BlobError> {
        let reader = self.blobs.open(&key(), None).await?;
        reader.bytes.try_fold(0, |sum, piece| async move { Ok(sum + piece.len()) }).await
    }

    /// Every operation with every kind of upload.
    async fn everything(&self) -> Vec<(&'static str, Result<(), BlobError>)> {
        vec![
            ("small upload", self.upload(10).await),
            ("large upload", self.upload(PART + 1).await),
            ("open", self.blobs.open(&key(), None).await.map(drop)),
            ("open a part", self.blobs.open(&key(), Some(0..1)).await.map(drop)),
            ("open nothing", self.blobs.open(&key(), Some(0..0)).await.map(drop)),
            ("delete", self.blobs.delete(&key().to_string()).await),
            ("list", self.blobs.list("spaces/").try_collect::<Vec<_>>().await.map(drop)),
            ("probe", self.blobs.probe().await),
        ]
    }

    async fn everything_is_unavailable(&self) {
        for (what, outcome) in within("everything", self.everything()).await {
            assert!(matches!(outcome, Err(BlobError::Unavailable(_))), "{what}: {outcome:?}");
        }
    }

    /// Nothing is left once the bucket is calm.
    async fn nothing_is_left(&self) {
        within("the aborts", self.blobs.close()).await;
        assert_eq!(self.server.open_uploads(), 0);
        assert!(matches!(self.blobs.open(&key(), None).await, Err(BlobError::NotFound)));
    }
}

fn key() -> ObjectKey {
    let (space, file) = (SpaceId::from_bytes([1; 16]), FileId::from_bytes([2; 16]));
    ObjectKey::attempt(space, file, UploadId::from_bytes([3; 16]))
}

async fn write(writer: &mut dyn BlobWriter, size: usize) -> Result<(), BlobError> {
    let bytes = Bytes::from(vec![7; size]);
    for start in (0..size).step_by(PIECE) {
        writer.write(bytes.slice(start..size.min(start + PIECE))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn endpoint_that_is_not_there_is_unavailable_within_seconds() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let harness =
        Harness::changed(|options| S3Options { endpoint: format!("http://{nobody}"), ..options }).await;
    harness.everything_is_unavailable().await;
    assert_eq!(harness.server.gauge().requests, 0);
}

#[tokio::test]
async fn endpoint_that_never_answers_is_unavailable() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", mute.local_addr().unwrap());
    let harness = Harness::changed(|options| S3Options { endpoint, patience: IMPATIENT, ..options }).await;
    harness.everything_is_unavailable().await;
}

#[tokio::test]
async fn store_that_is_too_slow_is_unavailable() {
    let harness = Harness::with(IMPATIENT).await;
    harness.server.trouble(Trouble::Hold);
    harness.everything_is_unavailable().await;
}

#[tokio::test]
async fn store_that_hangs_up_or_fails_is_unavailable() {
    for trouble in [Trouble::HangUp, Trouble::Status(500), Trouble::Status(503), Trouble::Status(429)] {
        let harness = Harness::with(STRAIGHT).await;
        harness.server.trouble(trouble);
        harness.everything_is_unavailable().await;
    }
}

#[tokio::test]
async fn wrong_credentials_have_failed() {
    for change in [
        (|options| S3Options { secret_key: "wrong".into(), ..options }) as fn(S3Options) -> S3Options,
        |options| S3Options { access_key: "nobody".to_owned(), ..options },
    ] {
        let harness = Harness::changed(change).await;
        for (what, outcome) in harness.everything().await {
            assert!(matches!(outcome, Err(BlobError::Failed(_))), "{what}: {outcome:?}");
        }
    }
}

/// Nobody takes it for missing objects, nor a deletion for done. Only the answer to a HEAD cannot tell: it has no body.
#[tokio::test]
async fn missing_bucket_has_failed() {
    let harness = Harness::changed(|options| S3Options { bucket: "other".to_owned(), ..options }).await;
    for (what, outcome) in harness.everything().await {
        if what == "open nothing" {
            assert!(matches!(outcome, Err(BlobError::NotFound)), "{what}: {outcome:?}");
        } else {
            assert!(matches!(outcome, Err(BlobError::Failed(_))), "{what}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn full_store_is_full() {
    let harness = Harness::new().await;
    harness.server.trouble(Trouble::Status(507));
    for size in [10, PART + 1] {
        assert!(matches!(harness.upload(size).await, Err(BlobError::Full)));
    }
    assert_eq!(harness.server.gauge().requests, 2, "it is not asked again");
}

/// The third request is the second part; there are five in all.
#[tokio::test]
async fn failure_in_the_middle_of_an_upload_leaves_nothing() {
    for nth in 2..=5 {
        let harness = Harness::with(STRAIGHT).await;
        harness.server.trouble_once(nth, Trouble::Status(500));
        let uploaded = harness.upload(2 * PART + 1).await;
        assert!(matches!(uploaded, Err(BlobError::Unavailable(_))), "{nth}: {uploaded:?}");
        harness.nothing_is_left().await;
    }
}

#[tokio::test]
async fn one_failure_is_made_good_by_another_attempt() {
    for (nth, trouble) in [
        (1, Trouble::Status(503)),
        (2, Trouble::HangUp),
        (3, Trouble::Status(500)),
        (4, Trouble::Status(429)),
    ] {
        let harness = Harness::new().await;
        harness.server.trouble_once(nth, trouble);
        harness.upload(PART + 1).await.unwrap();
        harness.server.trouble_once(1, trouble);
        assert_eq!(harness.read().await.unwrap(), PART + 1);
    }
}

/// http §7.6: a client that hangs up costs nothing for long.
#[tokio::test]
async fn unfinished_upload_is_aborted() {
    let harness = Harness::new().await;
    for written in [0, PART + 1, 2 * PART + 1] {
        for drops in [true, false] {
            let mut writer = harness.blobs.create(&key(), 2 * PART as u64 + 1).await.unwrap();
            write(&mut *writer, written).await.unwrap();
            assert_eq!(harness.server.open_uploads(), 1);
            if drops {
                drop(writer);
            } else {
                writer.abort().await;
            }
            harness.nothing_is_left().await;
        }
    }
}

#[tokio::test]
async fn upload_of_another_size_is_aborted() {
    let harness = Harness::new().await;
    let mut long = harness.blobs.create(&key(), PART as u64 + 1).await.unwrap();
    assert!(write(&mut *long, PART + 2).await.is_err());
    harness.nothing_is_left().await;
    let mut short = harness.blobs.create(&key(), PART as u64 + 1).await.unwrap();
    write(&mut *short, PART).await.unwrap();
    assert!(short.finish().await.is_err());
    harness.nothing_is_left().await;
}

/// Nobody knows the name of an upload that begins when its caller has gone.
#[tokio::test]
async fn upload_that_begins_too_late_is_aborted() {
    let harness = Harness::new().await;
    harness.server.trouble(Trouble::Hold);
    let key = key();
    let mut creation = harness.blobs.create(&key, PART as u64 + 1);
    assert!(creation.as_mut().now_or_never().is_none());
    within("the request", harness.server.until_held(1)).await;
    drop(creation);
    harness.server.calm();
    harness.nothing_is_left().await;
    assert_eq!(harness.server.gauge().requests, 3, "begin, abort, and the look after it");
}

/// Storage §4.4: while the store takes nothing, a writer takes 15 MiB and waits.
#[tokio::test]
async fn writer_holds_two_parts_on_their_way_and_one_more() {
    let harness = Harness::new().await;
    let size = 5 * PART;
    let mut writer = harness.blobs.create(&key(), size as u64).await.unwrap();
    harness.server.trouble(Trouble::Hold);
    let (mut taken, piece) = (0, Bytes::from(vec![7; PIECE]));
    while writer.write(piece.clone()).now_or_never().is_some() {
        taken += PIECE;
    }
    assert_eq!(taken, 3 * PART, "and not a piece more");
    within("two parts", harness.server.until_held(2)).await;
    drop(writer);
    harness.server.calm();
    harness.nothing_is_left().await;
}

#[tokio::test]
async fn parts_are_sent_two_at_a_time() {
    let harness = Harness::new().await;
    harness.upload(6 * PART).await.unwrap();
    assert_eq!(harness.server.gauge().parts_at_once, 2);
    assert_eq!(harness.read().await.unwrap(), 6 * PART);
}

/// Everything of one object in one request, where that is enough.
#[tokio::test]
async fn object_of_one_part_costs_one_request() {
    let harness = Harness::new().await;
    harness.upload(PART).await.unwrap();
    assert_eq!(harness.server.gauge().requests, 1);
}

/// H6: never a short body that looks complete.
#[tokio::test]
async fn download_that_is_cut_ends_in_an_error() {
    let harness = Harness::new().await;
    harness.server.put(&key().to_string(), &vec![7; PART]);
    harness.server.trouble(Trouble::CutAfter(1_000_000));
    let read = within("the download", harness.read()).await;
    assert!(matches!(read, Err(BlobError::Unavailable(_))), "{read:?}");
}

#[tokio::test]
async fn download_that_is_cut_once_goes_on() {
    let harness = Harness::new().await;
    harness.server.put(&key().to_string(), &vec![7; PART]);
    harness.server.trouble_once(1, Trouble::CutAfter(1_000_000));
    assert_eq!(harness.read().await.unwrap(), PART);
    assert_eq!(harness.server.gauge().requests, 2);
}

/// A listing that fails is not a short one: what it lacks would be taken for lost.
#[tokio::test]
async fn listing_that_fails_on_its_second_page_ends_in_an_error() {
    let harness = Harness::new().await;
    for number in 0..1_500 {
        harness.server.put(&format!("spaces/{number:04}"), b"x");
    }
    harness.server.trouble_from(2, Trouble::Status(500));
    let listed: Vec<_> = harness.blobs.list("spaces/").collect().await;
    let failures: Vec<_> = listed.iter().filter(|listed| listed.is_err()).collect();
    assert_eq!(listed.len(), 1_001);
    assert!(matches!(failures[..], [Err(BlobError::Unavailable(_))]), "{failures:?}");
}
