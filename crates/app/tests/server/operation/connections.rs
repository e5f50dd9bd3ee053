//! HTTP connections without a request, or with a slow one (http §1.2).

use std::time::Duration;

use less_sync_test_support::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::operation::fixture::Fixture;

/// Response of the server to these bytes, up to the end of the connection.
async fn said_to(fixture: &Fixture, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(fixture.server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut response = Vec::new();
    let _reset_or_end = within("the end of the connection", stream.read_to_end(&mut response)).await;
    String::from_utf8(response).unwrap()
}

fn assert_in_shape(response: &str, status: &str, text: &str) {
    assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{response}");
    for header in
        ["x-protocol-version: 1", "x-request-id: ", "access-control-allow-origin: *", "connection: close"]
    {
        assert!(response.contains(&format!("\r\n{header}")), "{header} in {response}");
    }
    assert!(response.ends_with(&format!("\r\n\r\n{{\"error\":\"{text}\"}}")), "{response}");
}

/// H8, H9, H14.
#[tokio::test]
async fn malformed_requests_are_rejected_in_the_common_shape() {
    let fixture = Fixture::new().await;
    let malformed: [&[u8]; 5] = [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ];
    for bytes in malformed {
        assert_in_shape(&said_to(&fixture, bytes).await, "400 Bad Request", "bad request");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_rejected_in_the_common_shape() {
    let fixture = Fixture::new().await;
    let within_reach =
        format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\nconnection: close\r\n\r\n", "y".repeat(140_000));
    let response = said_to(&fixture, within_reach.as_bytes()).await;
    assert_in_shape(&response, "431 Request Header Fields Too Large", "request header fields too large");
    // Exactly the bytes that the server reads: more would reset the connection before the response is read.
    let head = "GET / HTTP/1.1\r\nhost: x\r\nx: ";
    let beyond = head.to_owned() + &"y".repeat(160 * 1024 - head.len());
    let response = said_to(&fixture, beyond.as_bytes()).await;
    assert_in_shape(&response, "431 Request Header Fields Too Large", "request header fields too large");
}

/// H13.
#[tokio::test]
async fn an_incomplete_head_gets_408() {
    let fixture = Fixture::new().await;
    let mut slow = TcpStream::connect(fixture.server.address()).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nhost").await.unwrap();
    fixture.clock.until_armed(Duration::from_secs(10)).await;
    // The response to a second connection shows that the slow one was read.
    fixture.get("/livez").await;
    fixture.clock.advance(Duration::from_secs(10));
    let mut response = String::new();
    within("the end of the connection", slow.read_to_string(&mut response)).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n{\"error\":\"request timeout\"}"), "{response}");
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_75_seconds() {
    let fixture = Fixture::new().await;
    let mut stream = TcpStream::connect(fixture.server.address()).await.unwrap();
    let request = b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut responses = Vec::new();
    for _ in 0..2 {
        stream.write_all(request).await.unwrap();
        responses.clear();
        while !responses.ends_with(b"{\"status\":\"ok\"}") {
            assert_ne!(within("a response", stream.read_buf(&mut responses)).await.unwrap(), 0);
        }
        fixture.clock.until_armed(Duration::from_secs(75)).await;
        fixture.clock.advance(Duration::from_secs(74));
    }
    fixture.clock.advance(Duration::from_secs(1));
    responses.clear();
    within("the end of the connection", stream.read_to_end(&mut responses)).await.unwrap();
    assert_eq!(responses, b"");
}
