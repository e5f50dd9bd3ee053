//! HTTP connections without a request, or with a slow one (http §1.2).

use std::sync::Arc;
use std::time::Duration;

use less_sync_app::{Overrides, Server};
use less_sync_test_support::{Issuer, ManualClock, Upgrade, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::operation::fixture::{self, Fixture};

/// Response of the server to these bytes, up to the end of the connection.
async fn said_to(fixture: &Fixture, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(fixture.server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut response = Vec::new();
    let _reset_or_end = within("the end of the connection", stream.read_to_end(&mut response)).await;
    String::from_utf8(response).unwrap()
}

fn assert_in_shape(response: &str, status: &str, text: &str) {
    assert!(response.starts_with("HTTP/1.1 "), "{response}");
    assert_in_shape_of(response, status, text);
}

/// As [`assert_in_shape`], in the version of the request.
fn assert_in_shape_of(response: &str, status: &str, text: &str) {
    assert!(response.starts_with("HTTP/1.") && response.contains(&format!(" {status}\r\n")), "{response}");
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

/// RFC 9112 §3.2.
#[tokio::test]
async fn requests_without_one_valid_host_are_rejected() {
    let fixture = Fixture::new().await;
    for hosts in [
        "HTTP/1.1\r\n",
        "HTTP/1.1\r\nhost: a\r\nhost: a\r\n",
        "HTTP/1.1\r\nhost: a b\r\n",
        "HTTP/1.1\r\nhost: http://a/\r\n",
        "HTTP/1.0\r\nhost: a\r\nhost: b\r\n",
    ] {
        // The body is announced, and never follows.
        let request = format!("PUT /livez {hosts}content-length: 9\r\n\r\n");
        assert_in_shape_of(&said_to(&fixture, request.as_bytes()).await, "400 Bad Request", "bad request");
    }
    for hosts in ["HTTP/1.0\r\n", "HTTP/1.1\r\nhost:\r\n", "HTTP/1.1\r\nhost: [::1]:5379\r\n"] {
        let request = format!("GET /livez {hosts}connection: close\r\n\r\n");
        let response = said_to(&fixture, request.as_bytes()).await;
        assert!(response.contains(" 200 OK\r\n"), "{hosts}: {response}");
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

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n";

/// Sends a request and returns its response.
async fn livez(stream: &mut TcpStream) -> String {
    stream.write_all(LIVEZ).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"{\"status\":\"ok\"}") {
        assert_ne!(within("a response", stream.read_buf(&mut response)).await.unwrap(), 0, "closed");
    }
    String::from_utf8(response).unwrap()
}

/// http §1.2: the idle time is announced, and a request that arrives just after it is answered.
#[tokio::test]
async fn idle_connection_is_kept_a_little_longer_than_announced() {
    for (setting, idle) in [(None, 150), (Some(40), 40)] {
        let seconds = Duration::from_secs;
        let fixture = Fixture::configured(|config| {
            config.server.idle_timeout = setting.map_or(config.server.idle_timeout, seconds);
        })
        .await;
        let mut stream = TcpStream::connect(fixture.server.address()).await.unwrap();
        for _ in 0..2 {
            let response = livez(&mut stream).await;
            assert!(response.contains(&format!("\r\nkeep-alive: timeout={idle}\r\n")), "{response}");
            fixture.clock.until_armed(seconds(idle + 5)).await;
            fixture.clock.advance(seconds(idle + 4));
        }
        fixture.clock.advance(seconds(1));
        let mut rest = Vec::new();
        within("the end of the connection", stream.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn connection_that_is_closed_is_not_announced_as_kept() {
    let fixture = Fixture::new().await;
    let last: [&[u8]; 3] = [
        b"hello\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: TE, Close\r\n\r\n",
        b"GET /livez HTTP/1.0\r\n\r\n",
    ];
    for request in last {
        let response = said_to(&fixture, request).await;
        assert!(response.starts_with("HTTP/1.") && !response.contains("keep-alive"), "{response}");
    }
    let upgrade = Upgrade::offering(&["less-rpc-v1"]).send(fixture.server.address()).await.0;
    assert_eq!((upgrade.status, upgrade.header("keep-alive")), (101, None));
}

/// True if the server closes this connection without a request; the kernel accepts in the order of arrival.
async fn is_refused(mut stream: TcpStream) -> bool {
    let _closed_or_sent = stream.write_all(LIVEZ).await;
    let first = within("a response or the end", stream.read_u8()).await;
    first.is_err()
}

async fn connect(fixture: &Fixture) -> TcpStream {
    TcpStream::connect(fixture.server.address()).await.unwrap()
}

/// http §1.2: silent and idle connections of one address leave room for others; those with a request do not count.
#[tokio::test]
async fn waiting_connections_of_an_address_are_limited() {
    let fixture = Fixture::configured(|config| config.server.max_waiting_per_address = 2).await;
    let mut used = connect(&fixture).await;
    livez(&mut used).await;
    let silent = connect(&fixture).await;
    assert!(is_refused(connect(&fixture).await).await, "one is idle, one is silent");
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    livez(&mut elsewhere.connect(fixture.server.address()).await.unwrap()).await;
    drop(used);
    let (upgraded, _socket) = Upgrade::offering(&["less-rpc-v1"]).send(fixture.server.address()).await;
    assert_eq!(upgraded.status, 101);
    livez(&mut connect(&fixture).await).await;
    drop(silent);
}

/// http §1.2: connections never take the file descriptors that the database needs.
#[tokio::test]
async fn connections_are_limited_by_the_limit_of_open_files() {
    let (clock, directory) = (ManualClock::new(), tempfile::tempdir().unwrap());
    let issuer = Issuer::start(Arc::new(clock.clone())).await;
    let config = fixture::config(&issuer, directory.path());
    let overrides =
        Overrides { clock: Some(Arc::new(clock.clone())), open_files: Some(12), ..Overrides::default() };
    let server = Server::start(config, overrides).await.unwrap();
    let fixture = Fixture { server, issuer, clock, directory };
    let mut upgraded = Vec::new();
    for _ in 0..6 {
        let (response, socket) = Upgrade::offering(&["less-rpc-v1"]).send(fixture.server.address()).await;
        assert_eq!(response.status, 101);
        upgraded.push(socket);
    }
    assert!(is_refused(connect(&fixture).await).await, "half of the descriptors are taken");
    upgraded.pop();
    within("the place of the closed connection", async {
        while is_refused(connect(&fixture).await).await {}
    })
    .await;
}
