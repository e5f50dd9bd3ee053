//! Limits of concurrent transfers, and transfer timeouts (http §7.6).

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use less_sync_test_support::{TestServerBuilder, create, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::files::fixture::{Fixture, content, dek, fresh_id, header, record, rejected, send, sending};

/// A body that stalls until its sender is dropped.
fn held_back(first: Bytes) -> (reqwest::Body, tokio::sync::oneshot::Sender<()>) {
    let (sender, held) = tokio::sync::oneshot::channel::<()>();
    let rest = stream::once(async move {
        let _dropped = held.await;
        Err(std::io::Error::other("given up"))
    });
    let body = stream::iter([Ok(first)]).chain(rest);
    (reqwest::Body::wrap_stream(body), sender)
}

/// Head of an upload of alice of two million bytes.
fn upload_head(fixture: &Fixture) -> String {
    format!(
        "PUT /api/v1/spaces/{}/files/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nX-Record-ID: {}\r\n\
         X-Wrapped-DEK: {}\r\nContent-Length: 2000000\r\n\r\n",
        fixture.space,
        fresh_id(),
        fixture.server.token("alice"),
        record(),
        dek(7),
    )
}

/// Head of a download of alice.
fn download_head(fixture: &Fixture, id: &str) -> String {
    format!(
        "GET /api/v1/spaces/{}/files/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        fixture.space,
        fixture.server.token("alice"),
    )
}

/// Download of alice that has begun, and is read no further than its status.
async fn begun_download(fixture: &Fixture, id: &str) -> TcpStream {
    let mut socket = TcpStream::connect(fixture.server.address()).await.unwrap();
    socket.write_all(download_head(fixture, id).as_bytes()).await.unwrap();
    let mut first = [0; 12];
    socket.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    socket
}

/// Starts an upload of `user` whose body stalls; the sender keeps it open.
async fn stalled_upload(fixture: &Fixture, user: &str) -> tokio::sync::oneshot::Sender<()> {
    let before = fixture.objects().len();
    let (body, held) = held_back(content(1_000_000, 1));
    let space = fixture.server.space(user);
    let request = fixture
        .bare(Method::PUT, &space, &fresh_id())
        .bearer_auth(fixture.server.token(user))
        .header("X-Record-ID", record())
        .header("X-Wrapped-DEK", dek(7))
        .header("Content-Length", 2_000_000)
        .body(body);
    drop(sending(request));
    within("an object", async {
        while fixture.objects().len() == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    held
}

/// http §7.6: the uploads of one user leave three quarters of the places to others.
#[tokio::test]
async fn uploads_of_one_user_take_a_quarter_of_the_places() {
    let fixture = Fixture::with(|server| server.setting("FILE_UPLOAD_CONCURRENCY", "8")).await;
    let mut bob = fixture.server.raw("bob").await;
    bob.push_ok(&fixture.server.space("bob"), &[create(1, "owner")]).await;
    let _held = [stalled_upload(&fixture, "alice").await, stalled_upload(&fixture, "alice").await];
    rejected(fixture.upload(&fresh_id(), "x"), 503, "too many uploads").await;
    let _of_bob = stalled_upload(&fixture, "bob").await;
}

/// http §7.6: the same for downloads.
#[tokio::test]
async fn downloads_of_one_user_take_a_quarter_of_the_places() {
    let fixture = Fixture::with(|server| server.setting("FILE_DOWNLOAD_CONCURRENCY", "8")).await;
    let mut bob = fixture.server.raw("bob").await;
    let space = fixture.server.space("bob");
    bob.push_ok(&space, &[create(1, "owner")]).await;
    let bytes = content(30_000_000, 1);
    let id = fixture.stored(&bytes).await;
    let unread = [fixture.get(&id).await, fixture.get(&id).await];
    assert!(unread.iter().all(|response| response.status() == StatusCode::OK));
    rejected(fixture.ask(Method::GET, &id), 503, "too many downloads").await;
    let of_bob = |method| fixture.bare(method, &space, &id).bearer_auth(fixture.server.token("bob"));
    let upload = of_bob(Method::PUT)
        .header("X-Record-ID", record())
        .header("X-Wrapped-DEK", dek(7))
        .header("Content-Length", 1)
        .body("x");
    assert_eq!(send(upload).await.status(), StatusCode::CREATED);
    assert_eq!(send(of_bob(Method::GET)).await.status(), StatusCode::OK);
}

/// http §7.6: an upload of a byte every 13 seconds is never idle, and is ended after half a minute.
#[tokio::test]
async fn upload_below_the_minimum_rate_is_ended() {
    let fixture = Fixture::with(TestServerBuilder::manual_clock).await;
    let clock = fixture.server.clock();
    let mut socket = TcpStream::connect(fixture.server.address()).await.unwrap();
    socket.write_all(upload_head(&fixture).as_bytes()).await.unwrap();
    let seconds = Duration::from_secs;
    clock.until_armed(seconds(30)).await;
    for left in [17, 4] {
        clock.advance(seconds(13));
        socket.write_all(b"x").await.unwrap();
        // The server has received the byte.
        clock.until_armed(seconds(left)).await;
    }
    clock.advance(seconds(4));
    let mut response = String::new();
    within("a response", socket.read_to_string(&mut response)).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.contains("connection: close"), "{response}");
    assert!(response.ends_with(r#"{"error":"request timeout"}"#), "{response}");
}

/// http §7.6: a download that is read too slowly is ended, whatever the timeout without progress.
#[tokio::test]
async fn download_below_the_minimum_rate_is_ended() {
    let fixture = Fixture::with(|server| {
        let server = server.manual_clock().setting("FILE_IDLE_TIMEOUT_SECS", "3600");
        server.setting("FILE_DOWNLOAD_CONCURRENCY", "1")
    })
    .await;
    let id = fixture.stored(&content(30_000_000, 1)).await;
    let mut socket = begun_download(&fixture, &id).await;
    within("the place of the slow download", async {
        let mut passed = Duration::ZERO;
        while send(fixture.ask(Method::GET, &id)).await.status() != StatusCode::OK {
            let step = Duration::from_secs(13);
            fixture.server.clock().advance(step);
            passed += step;
            assert!(passed < Duration::from_hours(1), "ended by the timeout without progress");
            socket.read_exact(&mut [0; 64]).await.unwrap();
        }
    })
    .await;
}

/// The permit is released as soon as the upload ends; an aborted upload leaves no object.
#[tokio::test]
async fn concurrent_uploads_are_limited() {
    let fixture = Fixture::with(|server| server.setting("FILE_UPLOAD_CONCURRENCY", "1")).await;
    let (body, held) = held_back(content(1_000_000, 1));
    let slow = fixture.streamed(&fresh_id(), 2_000_000, body);
    let slow = sending(slow);
    fixture.until_an_object_is_written().await;
    let busy = send(fixture.upload(&fresh_id(), "x")).await;
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&busy, "retry-after"), "1");
    assert_eq!(busy.text().await.unwrap(), r#"{"error":"too many uploads"}"#);
    drop(held);
    assert!(slow.await.unwrap().is_err(), "its body broke off");
    within("a place", async {
        while send(fixture.upload(&fresh_id(), "x")).await.status() != StatusCode::CREATED {}
    })
    .await;
    within("the object of the upload that was given up to go", async {
        while fixture.objects().len() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// H13: an upload that stalls gets 408 and the connection is closed.
#[tokio::test]
async fn stalled_upload_times_out() {
    let fixture = Fixture::with(TestServerBuilder::manual_clock).await;
    let mut socket = TcpStream::connect(fixture.server.address()).await.unwrap();
    socket.write_all(upload_head(&fixture).as_bytes()).await.unwrap();
    socket.write_all(&content(1_000_000, 1)).await.unwrap();
    fixture.until_an_object_is_written().await;
    let mut response = String::new();
    {
        let mut reading = pin!(within("a response", socket.read_to_string(&mut response)));
        // Sent bytes may still be arriving, which restarts the timeout.
        loop {
            tokio::select! {
                biased;
                _ = &mut reading => break,
                () = tokio::task::yield_now() => fixture.server.clock().advance(Duration::from_secs(31)),
            }
        }
    }
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.ends_with(r#"{"error":"request timeout"}"#), "{response}");
}

/// http §7.6: a download that is not read for half a minute is ended, and its permit is released.
#[tokio::test]
async fn unread_download_is_ended() {
    let fixture =
        Fixture::with(|server| server.manual_clock().setting("FILE_DOWNLOAD_CONCURRENCY", "1")).await;
    let id = fixture.stored(&content(30_000_000, 1)).await;
    let mut socket = begun_download(&fixture, &id).await;
    let busy = send(fixture.ask(Method::GET, &id)).await;
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.text().await.unwrap(), r#"{"error":"too many downloads"}"#);
    within("the stalled download to end", async {
        loop {
            fixture.server.clock().advance(Duration::from_secs(31));
            if send(fixture.ask(Method::GET, &id)).await.status() == StatusCode::OK {
                return;
            }
        }
    })
    .await;
    let mut rest = Vec::new();
    let _reset_or_end = within("the connection to end", socket.read_to_end(&mut rest)).await;
    assert!(rest.len() < 30_000_000, "all of it arrived");
}
