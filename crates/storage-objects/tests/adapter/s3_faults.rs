//! Failures of the S3 service: timeouts, errors, cut connections, aborted uploads (storage §4.4, §4.8).

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use less_sync_storage::{BlobError, BlobWriter, Blobs, ObjectName};
use less_sync_storage_objects::{RetryPolicy, S3Blobs, S3Options, Timeouts};
use less_sync_test_support::s3::{Fault, S3Server};
use less_sync_test_support::{Fault as NetworkFault, FaultProxy, within};
use tokio::net::TcpListener;

use crate::bucket;
use crate::objects::{PIECE, key};

const PART: usize = 5 << 20;

const NO_RETRY: RetryPolicy = RetryPolicy { retries: 0, within: Duration::ZERO };

const SHORT: Timeouts = Timeouts {
    connect: Duration::from_millis(300),
    response: Duration::from_millis(300),
    transfer: Duration::from_millis(300),
    stall: Duration::from_millis(300),
    suspicious: Duration::from_millis(300),
};

/// Long enough for slow machines.
const LONG: Timeouts = Timeouts {
    connect: Duration::from_secs(10),
    response: Duration::from_secs(20),
    transfer: Duration::from_secs(20),
    stall: Duration::from_secs(20),
    suspicious: Duration::from_secs(10),
};

struct Harness {
    server: S3Server,
    blobs: S3Blobs,
}

impl Harness {
    async fn new() -> Self {
        Self::changed(|options| options).await
    }

    /// A client with these timeouts that makes one attempt per request.
    async fn without_retries(timeouts: Timeouts) -> Self {
        Self::changed(|options| S3Options { timeouts, retry: NO_RETRY, ..options }).await
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

    /// Results of all operations, with both kinds of upload.
    async fn all_operations(&self) -> Vec<(&'static str, Result<(), BlobError>)> {
        vec![
            ("small upload", self.upload(10).await),
            ("large upload", self.upload(PART + 1).await),
            ("open", self.blobs.open(&key(), None).await.map(drop)),
            ("open a part", self.blobs.open(&key(), Some(0..1)).await.map(drop)),
            ("open nothing", self.blobs.open(&key(), Some(0..0)).await.map(drop)),
            ("delete", self.blobs.delete(&ObjectName::from(&key())).await),
            ("list", self.blobs.list("spaces/").try_collect::<Vec<_>>().await.map(drop)),
            ("probe", self.blobs.probe().await),
        ]
    }

    async fn assert_all_unavailable(&self) {
        for (what, outcome) in within("all operations", self.all_operations()).await {
            assert!(matches!(outcome, Err(BlobError::Unavailable(_))), "{what}: {outcome:?}");
        }
    }

    /// Waits for pending aborts; then neither an upload nor an object is left.
    async fn assert_nothing_left(&self) {
        within("the aborts", self.blobs.close()).await;
        assert_eq!(self.server.open_uploads(), 0);
        assert!(matches!(self.blobs.open(&key(), None).await, Err(BlobError::NotFound)));
    }
}

async fn write(writer: &mut dyn BlobWriter, size: usize) -> Result<(), BlobError> {
    let bytes = Bytes::from(vec![7; size]);
    for start in (0..size).step_by(PIECE) {
        writer.write(bytes.slice(start..size.min(start + PIECE))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn unreachable_endpoint_is_unavailable_within_seconds() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let harness =
        Harness::changed(|options| S3Options { endpoint: format!("http://{closed}"), ..options }).await;
    harness.assert_all_unavailable().await;
    assert_eq!(harness.server.gauge().requests, 0);
}

#[tokio::test]
async fn silent_endpoint_is_unavailable() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let harness =
        Harness::changed(|options| S3Options { endpoint, timeouts: SHORT, retry: NO_RETRY, ..options }).await;
    harness.assert_all_unavailable().await;
}

/// A firewall that forgets connections: the pooled ones give no response, and new ones work.
#[tokio::test]
async fn requests_on_silent_connections_are_repeated_on_new_ones() {
    let server = S3Server::start().await;
    let proxy = FaultProxy::start(server.endpoint().strip_prefix("http://").unwrap().parse().unwrap()).await;
    let endpoint = format!("http://{}", proxy.address());
    let timeouts = Timeouts { suspicious: SHORT.suspicious, ..LONG };
    let options = S3Options { endpoint, timeouts, ..bucket::options(&server) };
    let harness = Harness { blobs: bucket::connect(&options), server };
    for size in [10, PART + 1] {
        within("upload", harness.upload(size)).await.unwrap();
        proxy.fault_all(NetworkFault::Swallow);
        within("upload", harness.upload(size)).await.unwrap();
        harness.blobs.size(&key()).await.unwrap();
        proxy.fault_all(NetworkFault::Swallow);
        assert_eq!(within("download", harness.read()).await.unwrap(), size);
        harness.blobs.size(&key()).await.unwrap();
        proxy.fault_all(NetworkFault::Swallow);
        within("listing", harness.blobs.list("spaces/").try_collect::<Vec<_>>()).await.unwrap();
        harness.blobs.size(&key()).await.unwrap();
        proxy.fault_all(NetworkFault::Swallow);
        within("probe", harness.blobs.probe()).await.unwrap();
    }
}

/// The response begins and does not end.
#[tokio::test]
async fn listing_that_stalls_is_unavailable() {
    let server = S3Server::start().await;
    let proxy = FaultProxy::start(server.endpoint().strip_prefix("http://").unwrap().parse().unwrap()).await;
    for number in 0..900 {
        server.put(&format!("spaces/{number:0200}"), b"x");
    }
    // At this rate the rest of the listing takes minutes, with chunks that are further apart than the timeout.
    let endpoint = format!("http://{}", proxy.address());
    proxy.preset(0, NetworkFault::Delay(Duration::from_secs(1)));
    let timeouts = Timeouts { stall: Duration::from_millis(200), ..LONG };
    let options = S3Options { endpoint, timeouts, retry: NO_RETRY, ..bucket::options(&server) };
    let listed: Vec<_> = within("the listing", bucket::connect(&options).list("spaces/").collect()).await;
    assert!(matches!(listed.last(), Some(Err(BlobError::Unavailable(_)))), "{listed:?}");
}

#[tokio::test]
async fn slow_store_is_unavailable() {
    let harness = Harness::without_retries(SHORT).await;
    harness.server.fault(Fault::Hold);
    harness.assert_all_unavailable().await;
}

#[tokio::test]
async fn store_that_hangs_up_or_fails_is_unavailable() {
    for fault in [Fault::HangUp, Fault::Status(500), Fault::Status(503), Fault::Status(429)] {
        let harness = Harness::without_retries(LONG).await;
        harness.server.fault(fault);
        harness.assert_all_unavailable().await;
    }
}

#[tokio::test]
async fn wrong_credentials_are_a_failure() {
    for change in [
        (|options| S3Options { secret_key: "wrong".into(), ..options }) as fn(S3Options) -> S3Options,
        |options| S3Options { access_key: "nobody".to_owned(), ..options },
    ] {
        let harness = Harness::changed(change).await;
        for (what, outcome) in harness.all_operations().await {
            assert!(matches!(outcome, Err(BlobError::Failed(_))), "{what}: {outcome:?}");
        }
    }
}

/// A missing bucket is neither a missing object nor a successful deletion. Only HEAD cannot tell: its response has no body.
#[tokio::test]
async fn missing_bucket_is_a_failure() {
    let harness = Harness::changed(|options| S3Options { bucket: "other".to_owned(), ..options }).await;
    for (what, outcome) in harness.all_operations().await {
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
    harness.server.fault(Fault::Status(507));
    for size in [10, PART + 1] {
        assert!(matches!(harness.upload(size).await, Err(BlobError::Full(_))));
    }
    assert_eq!(harness.server.gauge().requests, 2, "a full store is not retried");
}

/// The third request is the second part; there are five in all.
#[tokio::test]
async fn failure_in_the_middle_of_an_upload_leaves_nothing() {
    for nth in 2..=5 {
        let harness = Harness::without_retries(LONG).await;
        harness.server.fault_once(nth, Fault::Status(500));
        let uploaded = harness.upload(2 * PART + 1).await;
        assert!(matches!(uploaded, Err(BlobError::Unavailable(_))), "{nth}: {uploaded:?}");
        harness.assert_nothing_left().await;
    }
}

#[tokio::test]
async fn single_failure_is_retried() {
    for (nth, fault) in
        [(1, Fault::Status(503)), (2, Fault::HangUp), (3, Fault::Status(500)), (4, Fault::Status(429))]
    {
        let harness = Harness::new().await;
        harness.server.fault_once(nth, fault);
        harness.upload(PART + 1).await.unwrap();
        harness.server.fault_once(1, fault);
        assert_eq!(harness.read().await.unwrap(), PART + 1);
    }
}

/// http §7.6: an abandoned upload is aborted at once.
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
            harness.assert_nothing_left().await;
        }
    }
}

#[tokio::test]
async fn upload_of_another_size_is_aborted() {
    let harness = Harness::new().await;
    let mut long = harness.blobs.create(&key(), PART as u64 + 1).await.unwrap();
    assert!(write(&mut *long, PART + 2).await.is_err());
    harness.assert_nothing_left().await;
    let mut short = harness.blobs.create(&key(), PART as u64 + 1).await.unwrap();
    write(&mut *short, PART).await.unwrap();
    assert!(short.finish().await.is_err());
    harness.assert_nothing_left().await;
}

/// An upload that starts after its caller was cancelled aborts itself.
#[tokio::test]
async fn upload_that_starts_after_cancellation_is_aborted() {
    let harness = Harness::new().await;
    harness.server.fault(Fault::Hold);
    let key = key();
    let mut creation = harness.blobs.create(&key, PART as u64 + 1);
    assert!(creation.as_mut().now_or_never().is_none());
    within("the request", harness.server.until_held(1)).await;
    drop(creation);
    harness.server.clear_faults();
    harness.assert_nothing_left().await;
    assert_eq!(harness.server.gauge().requests, 3, "start, abort, and the check after it");
}

/// A service executes what it has received, even after the client has hung up: a deletion waits for that.
#[tokio::test]
async fn deletion_waits_for_an_upload_that_the_service_has_received() {
    for size in [10, PART + 1] {
        let harness = Harness::new().await;
        let mut writer = harness.blobs.create(&key(), size as u64).await.unwrap();
        write(&mut *writer, size).await.unwrap();
        // The last request of an upload: one of one, or one after the last part.
        let nth = if size > PART { 2 } else { 1 };
        harness.server.fault_once(nth, Fault::HoldReceived);
        let held = within("the request", harness.server.until_held(1));
        tokio::select! {
            finished = writer.finish() => panic!("{finished:?} without its last request"),
            () = held => {}
        }
        let name = ObjectName::from(&key());
        let mut deletion = harness.blobs.delete(&name);
        assert!(deletion.as_mut().now_or_never().is_none());
        harness.server.clear_faults();
        deletion.await.unwrap();
        harness.assert_nothing_left().await;
    }
}

/// Storage §4.4: while the store accepts nothing, a writer accepts 15 MiB and then waits.
#[tokio::test]
async fn writer_buffers_two_parts_in_flight_and_one_more() {
    let harness = Harness::new().await;
    let size = 5 * PART;
    let mut writer = harness.blobs.create(&key(), size as u64).await.unwrap();
    harness.server.fault(Fault::Hold);
    let (mut taken, piece) = (0, Bytes::from(vec![7; PIECE]));
    while writer.write(piece.clone()).now_or_never().is_some() {
        taken += PIECE;
    }
    assert_eq!(taken, 3 * PART, "and not a chunk more");
    within("two parts", harness.server.until_held(2)).await;
    drop(writer);
    harness.server.clear_faults();
    harness.assert_nothing_left().await;
}

#[tokio::test]
async fn parts_are_sent_two_at_a_time() {
    let harness = Harness::new().await;
    harness.upload(6 * PART).await.unwrap();
    assert_eq!(harness.server.gauge().parts_at_once, 2);
    assert_eq!(harness.read().await.unwrap(), 6 * PART);
}

#[tokio::test]
async fn object_of_one_part_costs_one_request() {
    let harness = Harness::new().await;
    harness.upload(PART).await.unwrap();
    assert_eq!(harness.server.gauge().requests, 1);
}

/// H6: a truncated body never looks complete.
#[tokio::test]
async fn truncated_download_ends_in_an_error() {
    let harness = Harness::new().await;
    harness.server.put(&key().to_string(), &vec![7; PART]);
    harness.server.fault(Fault::CutAfter(1_000_000));
    let read = within("the download", harness.read()).await;
    assert!(matches!(read, Err(BlobError::Unavailable(_))), "{read:?}");
}

#[tokio::test]
async fn download_cut_once_is_resumed() {
    let harness = Harness::new().await;
    harness.server.put(&key().to_string(), &vec![7; PART]);
    harness.server.fault_once(1, Fault::CutAfter(1_000_000));
    assert_eq!(harness.read().await.unwrap(), PART);
    assert_eq!(harness.server.gauge().requests, 2);
}

/// A failed listing must not look complete: fsck would report the rest as missing.
#[tokio::test]
async fn listing_that_fails_on_its_second_page_ends_in_an_error() {
    let harness = Harness::new().await;
    for number in 0..1_500 {
        harness.server.put(&format!("spaces/{number:04}"), b"x");
    }
    harness.server.fault_from(2, Fault::Status(500));
    let listed: Vec<_> = harness.blobs.list("spaces/").collect().await;
    let failures: Vec<_> = listed.iter().filter(|listed| listed.is_err()).collect();
    assert_eq!(listed.len(), 1_001);
    assert!(matches!(failures[..], [Err(BlobError::Unavailable(_))]), "{failures:?}");
}
