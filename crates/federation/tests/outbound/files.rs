//! Requests for files at home servers: signature, error mapping, timers and bounds (federation §13).

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use less_sync_core::{FileId, SpaceId};
use less_sync_engine::{FileCall, FileMethod, FileRelayError, FileReply, RelayedBody};
use less_sync_federation::outbound::transfers::{NoResponse, TransferResponse};
use less_sync_test_support::within;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, start};

type Outcome = Result<FileReply, FileRelayError>;

fn call(method: FileMethod, body: Option<(u64, RelayedBody)>) -> FileCall {
    let headers = vec![("x-ucan", Bytes::from_static(b"chain"))];
    FileCall { method, space: SpaceId::from_bytes([7; 16]), file: FileId::from_bytes([8; 16]), headers, body }
}

fn begin(fixture: &Fixture, call: FileCall) -> JoinHandle<Outcome> {
    let home = fixture.home();
    start(async move { home.file(call).await })
}

fn response(status: StatusCode, body: &[&'static str]) -> TransferResponse {
    let mut headers = HeaderMap::new();
    headers.insert("etag", HeaderValue::from_static("\"tag\""));
    headers.insert("set-cookie", HeaderValue::from_static("x"));
    let chunks: Vec<_> = body.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
    TransferResponse { status, headers, body: stream::iter(chunks).boxed() }
}

async fn text(body: RelayedBody) -> String {
    let chunks: Vec<Bytes> = body.map(Result::unwrap).collect().await;
    String::from_utf8(chunks.concat()).unwrap()
}

async fn outcome(status: u16, error: &'static str) -> Outcome {
    let fixture = Fixture::new().await;
    let relayed = begin(&fixture, call(FileMethod::Get, None));
    let exchange = fixture.transfer().await;
    let body: &'static str = format!("{{\"error\":\"{error}\"}}").leak();
    exchange.reply(Ok(response(StatusCode::from_u16(status).unwrap(), &[body])));
    within("an outcome", relayed).await.unwrap()
}

/// Federation FI-1, §7.7: signed for the peer, with the headers of the file and no other.
#[tokio::test]
async fn fi_1_request_is_signed_and_its_response_is_passed_on() {
    let fixture = Fixture::new().await;
    let relayed = begin(&fixture, call(FileMethod::Get, None));
    let exchange = fixture.transfer().await;
    let request = exchange.request();
    let space = SpaceId::from_bytes([7; 16]);
    let url =
        format!("https://b.example/api/v1/federation/spaces/{space}/files/{}", FileId::from_bytes([8; 16]));
    assert_eq!((&request.method, request.url.as_str()), (&Method::GET, url.as_str()));
    let mut names: Vec<_> = request.headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["signature", "signature-input", "x-request-id", "x-ucan"]);
    let input = request.headers["signature-input"].to_str().unwrap();
    let covered = r#"sig=("@method" "@target-uri" "host" "x-request-id" "x-ucan");keyid="#;
    assert!(input.starts_with(covered), "{input}");
    exchange.reply(Ok(response(StatusCode::OK, &["ab", "c"])));
    let reply = within("a reply", relayed).await.unwrap().unwrap();
    assert_eq!((reply.status, reply.headers), (200, vec![("etag", Bytes::from_static(b"\"tag\""))]));
    assert_eq!(text(reply.body).await, "abc");
}

/// Federation §13.3, TH-23, T-422: errors about this server are no errors of its user.
#[tokio::test]
async fn th_23_errors_of_home_servers_are_mapped() {
    use FileRelayError::{Refused, Unavailable, Unsupported};
    for (status, error, expected) in [
        (401, "signature verification failed", Refused),
        (401, "missing authorization", Unsupported),
        (403, "untrusted peer", Refused),
        (404, "not found", Unsupported),
        (500, "internal error", Unavailable),
        (503, "temporarily unavailable", Unavailable),
        (302, "", Unavailable),
    ] {
        assert_eq!(outcome(status, error).await.err(), Some(expected), "{status} {error}");
    }
    for (status, error) in
        [(400, "digest mismatch"), (403, "access denied"), (404, "file not found"), (429, "x")]
    {
        let reply = outcome(status, error).await.unwrap();
        assert_eq!(reply.status, status);
        assert_eq!(text(reply.body).await, format!("{{\"error\":\"{error}\"}}"));
    }
}

/// Federation §13.3: 20 s to the first byte after the body, 30 s without progress, and 10 s more for the connection.
#[tokio::test]
async fn slow_home_server_is_given_up() {
    let fixture = Fixture::new().await;
    let relayed = begin(&fixture, call(FileMethod::Get, None));
    let _exchange = fixture.transfer().await;
    fixture.clock.until_armed(Duration::from_secs(30)).await;
    fixture.clock.advance(Duration::from_secs(30));
    assert_eq!(within("the failure", relayed).await.unwrap().err(), Some(FileRelayError::Unavailable));
    let relayed = begin(&fixture, call(FileMethod::Get, None));
    let pending = stream::once(async { Ok(Bytes::from_static(b"ab")) }).chain(stream::pending()).boxed();
    let slow = TransferResponse { body: pending, ..response(StatusCode::OK, &[]) };
    fixture.transfer().await.reply(Ok(slow));
    let mut body = within("a reply", relayed).await.unwrap().unwrap().body;
    assert_eq!(body.next().await.unwrap().unwrap(), Bytes::from_static(b"ab"));
    let rest = start(async move { body.next().await });
    fixture.clock.until_armed(Duration::from_secs(30)).await;
    fixture.clock.advance(Duration::from_secs(30));
    assert!(within("the end", rest).await.unwrap().unwrap().is_err(), "never a clean short body");
}

/// Federation §13.3, FI-2: the body of an upload ends as announced, or the upload fails for its client; eight transfers run at once.
#[tokio::test]
async fn fi_2_uploads_are_counted_and_their_bodies_checked() {
    let fixture = Fixture::new().await;
    let chunk = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
    for (chunks, length, is_whole) in [
        (vec![chunk("ab"), chunk("c")], 3, true),
        (vec![chunk("ab")], 3, false),
        (vec![chunk("abcd")], 3, false),
    ] {
        let body: RelayedBody = stream::iter(chunks).boxed();
        let relayed = begin(&fixture, call(FileMethod::Put, Some((length, body))));
        let mut exchange = fixture.transfer().await;
        assert_eq!(exchange.request().headers["content-length"], "3");
        let received: Vec<_> = exchange.body().collect().await;
        assert_eq!(received.iter().all(Result::is_ok), is_whole);
        exchange.reply(if is_whole { Ok(response(StatusCode::CREATED, &[])) } else { Err(NoResponse) });
        let outcome = within("an outcome", relayed).await.unwrap();
        assert_eq!(
            outcome.map(|reply| reply.status),
            if is_whole { Ok(201) } else { Err(FileRelayError::BrokenBody) }
        );
    }
    let running: Vec<_> = (0..8).map(|_| begin(&fixture, call(FileMethod::Get, None))).collect();
    let mut exchanges = Vec::new();
    for _ in &running {
        exchanges.push(fixture.transfer().await);
    }
    assert_eq!(fixture.home().file(call(FileMethod::Get, None)).await.err(), Some(FileRelayError::Busy));
}

/// INV-7: a request is not sent to a peer that is not trusted any more.
#[tokio::test]
async fn file_of_an_untrusted_home_is_unavailable() {
    let fixture = Fixture::new().await;
    let home = fixture.home();
    fixture.reload("");
    assert_eq!(home.file(call(FileMethod::Get, None)).await.err(), Some(FileRelayError::Unavailable));
}
