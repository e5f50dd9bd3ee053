//! Files in a bucket: the same responses, and faults of buckets (http §11 H1, H6; storage §4.8).

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use less_sync_app::{Config, Overrides, Server, Sources, Values};
use less_sync_engine::Clock as _;
use less_sync_test_support::s3::{Fault, S3Server};
use less_sync_test_support::{LogWatch, TestServer, TestServerBuilder, update, within};

use crate::files::fixture::{Fixture, body, content, fresh_id, header, rejected, send, sending};

const MIB: usize = 1024 * 1024;

fn in_bucket(server: TestServerBuilder, s3: &S3Server) -> TestServerBuilder {
    server
        .setting("FILE_STORAGE_BACKEND", "s3")
        .setting("FILE_S3_ENDPOINT", &s3.endpoint())
        .setting("FILE_S3_BUCKET", s3.bucket())
        .setting("FILE_S3_ACCESS_KEY", s3.access_key())
        .setting("FILE_S3_SECRET_KEY", s3.secret_key())
}

async fn fixture(s3: &S3Server) -> Fixture {
    Fixture::on(in_bucket(TestServer::builder(), s3).start().await).await
}

/// H1: the sizes around one part and several.
#[tokio::test]
async fn files_of_all_sizes_round_trip_through_a_bucket() {
    let s3 = S3Server::start().await;
    let fixture = fixture(&s3).await;
    for size in [0, 1, 2 * MIB + 1, 5 * MIB, 5 * MIB + 1, 11 * MIB] {
        let bytes = content(size, size as u64);
        let id = fixture.stored(&bytes).await;
        let response = fixture.get(&id).await;
        assert_eq!(header(&response, "content-length"), size.to_string());
        assert!(body(response).await == bytes, "{size}");
        if size > MIB {
            let part = send(fixture.ask(Method::GET, &id).header("Range", "bytes=1000000-1000099")).await;
            assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
            assert_eq!(body(part).await, bytes.slice(1_000_000..1_000_100));
        }
        assert_eq!(send(fixture.ask(Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
        rejected(fixture.ask(Method::GET, &id), 404, "file not found").await;
    }
    assert_eq!(s3.open_uploads(), 0);
}

/// A bucket that fails or resets the connection is an outage, before and during an upload: no file is visible, no object
/// is left, and the next attempt succeeds.
#[tokio::test]
async fn bucket_that_fails_is_an_outage() {
    let s3 = S3Server::start().await;
    let mut fixture = fixture(&s3).await;
    let kept = content(1000, 1);
    let stored = fixture.stored(&kept).await;
    for (first, fault) in [(1, Fault::Status(503)), (1, Fault::HangUp), (3, Fault::Status(500))] {
        let (id, bytes) = (fresh_id(), content(11 * MIB, 2));
        s3.fault_from(first, fault);
        rejected(fixture.upload(&id, bytes.clone()), 503, "temporarily unavailable").await;
        rejected(fixture.ask(Method::GET, &id), 404, "file not found").await;
        rejected(fixture.ask(Method::GET, &stored), 503, "temporarily unavailable").await;
        // Other requests are unaffected.
        let space = fixture.space.clone();
        let row = fixture.alice.pull(&space, 0).await.into_iter().find(|(name, _)| name == "pull.record");
        let cursor = row.expect("a record").1["cursor"].as_i64().unwrap();
        fixture.alice.push_ok(&space, &[update(1, "meanwhile", cursor)]).await;
        s3.clear_faults();
        assert_eq!(send(fixture.upload(&id, bytes.clone())).await.status(), StatusCode::CREATED);
        assert!(body(fixture.get(&id).await).await == bytes);
        assert_eq!(body(fixture.get(&stored).await).await, kept);
    }
}

/// A 507 has its reason in one line of the log.
#[tokio::test]
async fn full_bucket_is_reported_and_logged_with_its_reason() {
    let s3 = S3Server::start().await;
    let fixture = fixture(&s3).await;
    let log = LogWatch::start("upload rejected");
    s3.fault(Fault::Status(507));
    rejected(fixture.upload(&fresh_id(), content(10, 1)), 507, "insufficient storage").await;
    let lines = log.lines();
    assert!(
        matches!(lines.as_slice(), [line] if line.contains("object store is full") && line.contains("507")),
        "{lines:?}"
    );
}

/// H6: a body that the bucket truncates is truncated here too, and never looks complete.
#[tokio::test]
async fn truncated_download_is_no_complete_body() {
    let s3 = S3Server::start().await;
    let fixture = fixture(&s3).await;
    let bytes = content(3 * MIB, 1);
    let id = fixture.stored(&bytes).await;
    s3.fault(Fault::CutAfter(300_000));
    let response = fixture.get(&id).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(within("the end of the body", response.bytes()).await.is_err());
    s3.clear_faults();
    assert!(body(fixture.get(&id).await).await == bytes);
}

/// H6: a missing or replaced object is never served.
#[tokio::test]
async fn damaged_objects_of_a_bucket_are_never_served() {
    let s3 = S3Server::start().await;
    let fixture = fixture(&s3).await;
    let id = fixture.stored(&content(1000, 1)).await;
    let folder = s3.path(&format!("spaces/{}/files", fixture.space));
    let objects: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let object = objects.iter().find(|path| path.to_string_lossy().contains(&id)).unwrap();
    std::fs::write(object, content(999, 1)).unwrap();
    rejected(fixture.ask(Method::GET, &id), 500, "internal error").await;
    std::fs::remove_file(object).unwrap();
    rejected(fixture.ask(Method::GET, &id), 404, "file not found").await;
}

/// storage §4.8: a failing bucket prevents the start of a server; without the probe it starts, and is not ready.
#[tokio::test]
async fn bucket_is_probed_at_start() {
    let s3 = S3Server::start().await;
    s3.fault(Fault::Status(500));
    let folder = tempfile::tempdir().unwrap();
    let values = [
        ("FILE_STORAGE_BACKEND", "s3".to_owned()),
        ("FILE_S3_ENDPOINT", s3.endpoint()),
        ("FILE_S3_BUCKET", s3.bucket().to_owned()),
        ("FILE_S3_ACCESS_KEY", s3.access_key().to_owned()),
        ("FILE_S3_SECRET_KEY", s3.secret_key().to_owned()),
        ("LISTEN_ADDR", "127.0.0.1:0".to_owned()),
        ("TRUSTED_ISSUERS", "https://accounts.example".to_owned()),
        ("DATABASE_URL", format!("sqlite:{}", folder.path().join("less-sync.db").display())),
    ];
    let values: Values = values.map(|(name, value)| (name.to_owned(), value)).into();
    let config = Config::read(&Sources::from_environment(values)).unwrap();
    let starting = Box::pin(Server::start(config, Overrides::default()));
    let started = within("a rejection to start", starting).await;
    let rejected = format!("{:#}", started.unwrap_err());
    assert!(rejected.starts_with("file storage probe failed"), "{rejected}");

    let server = in_bucket(TestServer::builder(), &s3).setting("FILE_STORAGE_PROBE", "false").start().await;
    let unready = server.get("/readyz").await;
    let checks: serde_json::Value = serde_json::from_slice(&unready.body).unwrap();
    assert_eq!((unready.status, &checks["checks"]["blobs"]["status"]), (503, &"failed".into()), "{checks}");
}

/// http §7.6: an upload that the end of the grace period cuts off leaves no parts in the bucket, and what else it may have
/// left is due for removal.
#[tokio::test]
async fn upload_cut_off_by_the_shutdown_leaves_no_parts() {
    let s3 = S3Server::start().await;
    let server = in_bucket(TestServer::builder().embedded().manual_clock(), &s3)
        .setting("FILE_IDLE_TIMEOUT_SECS", "3600");
    let mut fixture = Fixture::on(server.start().await).await;
    let body = stream::iter([Ok(content(11 * MIB, 1))]).chain(stream::pending::<std::io::Result<Bytes>>());
    let upload = sending(fixture.streamed(&fresh_id(), 20 * MIB, reqwest::Body::wrap_stream(body)));
    within("an upload in parts", async {
        while s3.open_uploads() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fixture.server.drain();
    let clock = fixture.server.clock().clone();
    clock.until_armed(Duration::from_secs(25)).await;
    {
        let mut stopped = pin!(fixture.server.stopped());
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                () = tokio::task::yield_now() => {
                    // Time stands still once the requests are aborted, so that the last steps have theirs.
                    if s3.open_uploads() > 0 && !upload.is_finished() {
                        clock.advance(Duration::from_millis(20));
                    }
                }
            }
        }
    }
    assert_eq!(s3.open_uploads(), 0);
    let db = rusqlite::Connection::open(fixture.server.folder().join("less-sync.db")).unwrap();
    let now = clock.now().millis() * 1000;
    let due = "SELECT count(*) FROM blob_uploads WHERE not_before <= ?1";
    assert_eq!(db.query_row(due, [now], |row| row.get::<_, i64>(0)).unwrap(), 1, "not due at {now}");
}
