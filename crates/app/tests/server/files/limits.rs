//! Limits of concurrent transfers, and transfer timeouts (http §7.6).

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use less_sync_test_support::{TestServerBuilder, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::files::fixture::{Fixture, content, dek, fresh_id, header, record, send, sending};

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

/// The permit is released as soon as the upload ends; an aborted upload leaves no object.
#[tokio::test]
async fn concurrent_uploads_are_limited() {
    let fixture = Fixture::with(|server| server.setting("FILE_UPLOAD_CONCURRENCY", "1")).await;
    let (body, held) = held_back(content(1_000_000, 1));
    let slow = fixture.streamed(&fresh_id(), 2_000_000, body);
    let slow = sending(slow);
    fixture.until_an_object_is_written().await;
    let rejected = send(fixture.upload(&fresh_id(), "x")).await;
    assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&rejected, "retry-after"), "1");
    assert_eq!(rejected.text().await.unwrap(), r#"{"error":"too many uploads"}"#);
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
    let head = format!(
        "PUT /api/v1/spaces/{}/files/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nX-Record-ID: {}\r\n\
         X-Wrapped-DEK: {}\r\nContent-Length: 2000000\r\n\r\n",
        fixture.space,
        fresh_id(),
        fixture.server.token("alice"),
        record(),
        dek(7),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
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
    let mut socket = TcpStream::connect(fixture.server.address()).await.unwrap();
    let head = format!(
        "GET /api/v1/spaces/{}/files/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        fixture.space,
        fixture.server.token("alice"),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    socket.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
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
