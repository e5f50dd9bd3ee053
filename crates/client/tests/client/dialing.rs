//! Dialling over TCP.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderValue;
use less_sync_client::{Auth, DialError, Dialer, Endpoint, Options};
use pretty_assertions::assert_eq;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn dialer(address: SocketAddr) -> Dialer {
    Dialer::new(Endpoint::from_base(&format!("http://{address}/api/v1?x=1")).unwrap())
}

/// Dials a server that responds to the request with these bytes; returns the request as well.
async fn dial_with_response(response: &str) -> (Result<(), DialError>, String) {
    let (listener, address) = listener().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            socket.read_buf(&mut request).await.unwrap();
        }
        socket.write_all(response.as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap()
    };
    let dialer = dialer(address).with_header(http::header::COOKIE, HeaderValue::from_static("x"));
    let (dialled, request) = tokio::join!(dialer.dial(Auth::AtDial), server);
    (dialled.map(|_| ()), request)
}

/// B-01 from the client's side: both names, the preferred one first.
#[tokio::test]
async fn request_offers_both_subprotocols_at_the_path_of_the_url() {
    let (_, request) = dial_with_response("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    assert!(request.starts_with("GET /api/v1/ws?x=1 HTTP/1.1\r\n"), "{request}");
    let request = request.to_ascii_lowercase();
    assert!(request.contains("\r\nsec-websocket-protocol: less-rpc-v1, betterbase-rpc-v1\r\n"), "{request}");
    assert!(request.contains("\r\ncookie: x\r\n"), "{request}");
    assert!(!request.contains("sec-websocket-extensions"), "{request}");
}

#[tokio::test]
async fn rejections_carry_their_status_and_retry_delay() {
    for (response, expected) in [
        ("HTTP/1.1 503 Busy\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n", (503, Some(5))),
        ("HTTP/1.1 429 Slow\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n", (429, None)),
        ("HTTP/1.1 404 Gone\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n", (404, None)),
    ] {
        match dial_with_response(response).await.0 {
            Err(DialError::Rejected { status, retry_after }) => {
                assert_eq!((status, retry_after), (expected.0, expected.1.map(Duration::from_secs)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn non_http_response_is_a_failed_handshake() {
    let (dialled, _) = dial_with_response("220 mail.example ESMTP\r\n\r\n").await;
    assert!(matches!(dialled, Err(DialError::Handshake(_))), "{dialled:?}");
}

#[tokio::test]
async fn server_with_another_subprotocol_is_rejected() {
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
    for chosen in [None, Some("other-v1")] {
        let (listener, address) = listener().await;
        let server = async {
            let (socket, _) = listener.accept().await.unwrap();
            #[expect(clippy::result_large_err, reason = "the signature is given")]
            let choose = |_: &Request, mut response: Response| {
                if let Some(chosen) = chosen {
                    response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(chosen));
                }
                Ok(response)
            };
            tokio_tungstenite::accept_hdr_async(socket, choose).await.unwrap()
        };
        let dialer = dialer(address);
        let (dialled, _socket) = tokio::join!(dialer.dial(Auth::AtDial), server);
        assert!(matches!(dialled, Err(DialError::Subprotocol)), "{chosen:?}: {dialled:?}");
    }
}

#[tokio::test]
async fn address_without_a_listener_is_a_connect_error() {
    let (listener, address) = listener().await;
    drop(listener);
    let dialled = dialer(address).dial(Auth::AtDial).await;
    assert!(matches!(dialled, Err(DialError::Connect(_))), "{dialled:?}");
}

#[tokio::test]
async fn server_that_never_responds_is_a_timeout() {
    let (_listener, address) = listener().await;
    let options = Options { dial_timeout: Duration::from_millis(50), ..Options::default() };
    let dialled = dialer(address).with_options(options).dial(Auth::AtDial).await;
    assert!(matches!(dialled, Err(DialError::Timeout)), "{dialled:?}");
}
