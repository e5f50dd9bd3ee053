//! Files over HTTP, against a server with scripted responses.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use less_sync_client::{Access, AccessToken, FileClient, FileError, Stored, Upload};
use less_sync_core::{Dek, FileId, RecordId, SpaceId};
use pretty_assertions::assert_eq;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const FILE: FileId = FileId::from_bytes([2; 16]);
const PATH: &str =
    "/api/v1/spaces/01010101-0101-0101-0101-010101010101/files/02020202-0202-0202-0202-020202020202";
/// Wrapped key of 44 bytes of 7.
const DEK: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// Server that responds to one request with `response` after `body` bytes of its body, and returns the request.
async fn responding(body: usize, response: String) -> (FileClient, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "joined by its owner")]
    let served = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let request = request(&mut socket, body).await;
        socket.write_all(response.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        request
    });
    (client, served)
}

fn client(server: SocketAddr) -> FileClient {
    FileClient::new(&format!("http://{server}/api/v1")).unwrap()
}

/// Head of a request in lower case, and `body` bytes of its body.
async fn request(socket: &mut TcpStream, body: usize) -> String {
    let mut request = Vec::new();
    loop {
        let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if end.is_some_and(|end| request.len() >= end + 4 + body) {
            return String::from_utf8(request).unwrap().to_lowercase();
        }
        assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0, "the request broke off");
    }
}

fn token() -> AccessToken {
    AccessToken::from("secret")
}

fn upload(size: u64) -> Upload {
    let owner = RecordId::from_bytes([3; 16]);
    Upload { owner, dek: Dek::from_bytes([7; 44]), size, sha256: None }
}

fn content(pieces: &'static [&'static str]) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    stream::iter(pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))))
}

fn found(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {headers}\r\nx-wrapped-dek: {DEK}\r\netag: \"{FILE}\"\r\n\r\n{body}")
}

#[tokio::test]
async fn upload_sends_metadata_and_streams_content() {
    let (client, served) =
        responding(5, "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let token = token();
    let file = client.file(&token, Access::shared(SPACE, "chain"), FILE);
    let upload = Upload { sha256: Some([0; 32]), ..upload(5) };
    assert_eq!(file.put(&upload, content(&["he", "llo"])).await.unwrap(), Stored::Created);
    let request = served.await.unwrap();
    assert!(request.starts_with(&format!("put {PATH} http/1.1\r\n")), "{request}");
    let dek = format!("x-wrapped-dek: {}", DEK.to_lowercase());
    for header in [
        "authorization: bearer secret",
        "x-ucan: chain",
        "x-record-id: 03030303-0303-0303-0303-030303030303",
        &dek,
        "content-length: 5",
        "repr-digest: sha-256=:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=:",
    ] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "no {header} in {request}");
    }
    assert!(request.ends_with("\r\n\r\nhello"));
}

#[tokio::test]
async fn upload_of_a_stored_file_is_a_success() {
    let (client, _served) = responding(0, "HTTP/1.1 204 No Content\r\n\r\n".to_owned()).await;
    let stored = client.file(&token(), SPACE.into(), FILE).put(&upload(2), content(&["ab"])).await;
    assert_eq!(stored.unwrap(), Stored::AlreadyThere);
}

#[tokio::test]
async fn rejection_carries_the_text_of_the_server() {
    let body = r#"{"error":"too many uploads"}"#;
    let head = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7";
    let (client, _served) =
        responding(0, format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    let rejected =
        client.file(&token(), SPACE.into(), FILE).put(&upload(2), content(&["ab"])).await.unwrap_err();
    assert_eq!(rejected.to_string(), "too many uploads (503)");
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(7)));
    assert!(rejected.is_transient());
}

/// Redirects are not followed, or the token would be sent there.
#[tokio::test]
async fn other_responses_carry_their_status_and_redirects_are_not_followed() {
    for (head, expected) in [
        ("302 Found\r\nlocation: http://elsewhere.example/", "found (302)"),
        ("403 Forbidden", "forbidden (403)"),
        ("200 OK\r\ncontent-length: 0", "malformed response: unexpected status of an upload"),
    ] {
        let (client, _served) = responding(0, format!("HTTP/1.1 {head}\r\n\r\n")).await;
        let rejected = client.file(&token(), SPACE.into(), FILE).put(&upload(0), content(&[])).await;
        let rejected = rejected.unwrap_err();
        assert_eq!(rejected.to_string(), expected);
        assert!(!rejected.is_transient());
    }
}

#[tokio::test]
async fn content_read_failure_is_reported_as_such() {
    let (client, served) = responding(1, String::new()).await;
    let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err("the disk is gone")]);
    let failed = client.file(&token(), SPACE.into(), FILE).put(&upload(2), broken).await.unwrap_err();
    let FileError::Content(why) = &failed else { panic!("{failed:?}") };
    assert_eq!((why.to_string().as_str(), failed.is_transient()), ("the disk is gone", false));
    served.abort();
}

#[tokio::test]
async fn range_to_the_end_is_downloaded() {
    let response = found("206 Partial Content\r\ncontent-length: 3\r\ncontent-range: bytes 2-4/5", "llo");
    let (client, served) = responding(0, response).await;
    let token = token();
    let mut download = client.file(&token, SPACE.into(), FILE).get(2).await.unwrap();
    assert_eq!((download.from(), download.head().size), (2, 5));
    assert_eq!(download.head().dek, Dek::from_bytes([7; 44]));
    let mut bytes = Vec::new();
    while let Some(piece) = download.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes, b"llo");
    let request = served.await.unwrap();
    assert!(request.contains("\r\nrange: bytes=2-\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nif-range: \"{FILE}\"\r\n")), "{request}");
}

#[tokio::test]
async fn whole_file_in_response_to_a_range_starts_at_0() {
    let (client, _served) = responding(0, found("200 OK\r\ncontent-length: 5", "hello")).await;
    let download = client.file(&token(), SPACE.into(), FILE).get(2).await.unwrap();
    assert_eq!(download.from(), 0);
}

#[tokio::test]
async fn another_range_than_requested_is_rejected() {
    for headers in [
        "206 Partial Content\r\ncontent-length: 4\r\ncontent-range: bytes 1-4/5",
        "206 Partial Content\r\ncontent-length: 2\r\ncontent-range: bytes 2-3/5",
        "206 Partial Content\r\ncontent-length: 2\r\ncontent-range: bytes 2-4/5",
        "206 Partial Content\r\ncontent-length: 3",
    ] {
        let (client, _served) = responding(0, found(headers, "llo")).await;
        let rejected = client.file(&token(), SPACE.into(), FILE).get(2).await.unwrap_err();
        assert!(matches!(rejected, FileError::Malformed(_)), "{headers}: {rejected:?}");
    }
}

#[tokio::test]
async fn interrupted_download_is_an_error() {
    let (client, _served) = responding(0, found("200 OK\r\ncontent-length: 5", "he")).await;
    let mut download = client.file(&token(), SPACE.into(), FILE).get(0).await.unwrap();
    let broken = loop {
        match download.next().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(broken.unwrap_err().is_transient());
}

#[tokio::test]
async fn server_that_never_responds_is_an_idle_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap()).with_idle_timeout(Duration::from_millis(20));
    let token = token();
    let file = client.file(&token, SPACE.into(), FILE);
    for outcome in [
        file.head().await.map(drop),
        file.delete().await,
        file.get(0).await.map(drop),
        file.put(&upload(1), content(&["a"])).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(FileError::Stalled)), "{outcome:?}");
    }
}
