//! Requests that no HTTP library sends: missing bodies, wrong lengths (H3, H14).

use less_sync_test_support::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::files::fixture::{Fixture, content, dek, fresh_id, record};

/// Sends `head` with these additional lines, `body`, and reads until the server closes.
async fn sent(fixture: &Fixture, token: &str, lines: &str, body: &[u8]) -> String {
    let mut socket = TcpStream::connect(fixture.server.address()).await.unwrap();
    let head = format!(
        "PUT /api/v1/spaces/{}/files/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nX-Record-ID: {}\r\n\
         X-Wrapped-DEK: {}\r\n{lines}\r\n",
        fixture.space,
        fresh_id(),
        record(),
        dek(7),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    let mut response = Vec::new();
    within("the server to close", socket.read_to_end(&mut response)).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

/// H3, W2: the response is sent although the body never arrives, and the connection is closed.
#[tokio::test]
async fn rejected_upload_gets_a_response_without_its_body() {
    let fixture = Fixture::new().await;
    let narrow = fixture.server.issuer().mint(&fixture.server.issuer().claims("alice").scope("sync"));
    for (token, status) in [("nonsense", "401"), (narrow.as_str(), "403")] {
        let response = sent(&fixture, token, "Content-Length: 104857600\r\n", b"").await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
}

/// RFC 9112 §9.6: a client that sends the whole body before it reads gets the response too.
#[tokio::test]
async fn rejected_upload_gets_a_response_while_the_client_still_sends() {
    let fixture = Fixture::new().await;
    let narrow = fixture.server.issuer().mint(&fixture.server.issuer().claims("alice").scope("sync"));
    let body = content(20_000_000, 1);
    for (token, status) in [("nonsense", "401"), (narrow.as_str(), "403")] {
        let response = sent(&fixture, token, "Content-Length: 20000000\r\n", &body).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
}

/// A small body is drained and the connection stays open.
#[tokio::test]
async fn connection_stays_open_after_a_small_unread_body() {
    let fixture = Fixture::new().await;
    let mut socket = TcpStream::connect(fixture.server.address()).await.unwrap();
    let path = format!("/api/v1/spaces/{}/files/{}", fixture.space, fresh_id());
    for status in ["401", "401", "401"] {
        let head = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&content(100_000, 1)).await.unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"}") {
            let mut byte = [0];
            within("a response", socket.read_exact(&mut byte)).await.unwrap();
            response.push(byte[0]);
        }
        assert!(response.starts_with(format!("HTTP/1.1 {status} ").as_bytes()));
    }
}

/// `100 Continue` is sent for requests that will not be rejected, and for no others.
#[tokio::test]
async fn continue_is_sent_for_valid_uploads_only() {
    let fixture = Fixture::new().await;
    let expecting = "Content-Length: 2000000\r\nExpect: 100-continue\r\n";
    let response = sent(&fixture, "nonsense", expecting, b"").await;
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    let closing = "Content-Length: 4\r\nConnection: close\r\nExpect: 100-continue\r\n";
    let response = sent(&fixture, &fixture.server.token("alice"), closing, b"body").await;
    assert!(response.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 "), "{response}");
}

/// H14: two lengths, a length beside chunks, folded lines. A length beside chunks is removed before the handler: 411,
/// and the connection is closed (RFC 9112 §6.3).
#[tokio::test]
async fn request_smuggling_is_rejected() {
    let fixture = Fixture::new().await;
    let token = fixture.server.token("alice");
    for lines in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nX-Folded: a\r\n b\r\n",
        "Content-Length: four\r\n",
        "Content-Length: -4\r\n",
        "Content-Length: +4\r\n",
    ] {
        let response = sent(&fixture, &token, lines, b"4\r\nbody\r\n0\r\n\r\n").await;
        let status = if lines.contains("chunked") { "411" } else { "400" };
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{lines:?}: {response}");
        assert!(fixture.objects().is_empty(), "{lines:?}");
    }
}

/// http §7.2 row 19, §13 "length and body differ 400": cut off in the middle.
#[tokio::test]
async fn truncated_upload_leaves_nothing() {
    let fixture = Fixture::new().await;
    let mut socket = TcpStream::connect(fixture.server.address()).await.unwrap();
    let id = fresh_id();
    let head = format!(
        "PUT /api/v1/spaces/{}/files/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nX-Record-ID: {}\r\n\
         X-Wrapped-DEK: {}\r\nContent-Length: 2000000\r\n\r\n",
        fixture.space,
        fixture.server.token("alice"),
        record(),
        dek(7),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&content(1_000_000, 1)).await.unwrap();
    fixture.until_an_object_is_written().await;
    drop(socket);
    fixture.until_no_object_is_left().await;
    assert_eq!(fixture.get(&id).await.status(), http::StatusCode::NOT_FOUND);
}
