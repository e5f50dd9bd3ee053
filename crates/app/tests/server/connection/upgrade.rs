//! The HTTP request before the WebSocket (protocol §1.2, §1.3).

use std::time::Duration;

use less_sync_test_support::{HttpResponse, RawClient, TestServer, Upgrade, within};
use serde_json::json;

async fn response(request: &Upgrade) -> HttpResponse {
    request.response(TestServer::start().await.address()).await
}

/// P-001
#[tokio::test]
async fn a_foreign_subprotocol_is_rejected_with_an_empty_400() {
    let response = response(&Upgrade::offering(&["graphql-ws"])).await;
    assert_eq!((response.status, response.body), (400, Vec::new()));
}

/// P-002
#[tokio::test]
async fn a_request_without_subprotocol_is_rejected() {
    assert_eq!(response(&Upgrade::offering(&[])).await.status, 400);
}

/// both names, the order of the client, several header lines, the exact echo.
#[tokio::test]
async fn the_first_acceptable_subprotocol_of_the_client_is_echoed() {
    let server = TestServer::start().await;
    for (lines, chosen) in [
        (&["less-rpc-v1"][..], Some("less-rpc-v1")),
        (&["betterbase-rpc-v1"], Some("betterbase-rpc-v1")),
        (&["betterbase-rpc-v1, less-rpc-v1"], Some("betterbase-rpc-v1")),
        (&["less-rpc-v1,betterbase-rpc-v1"], Some("less-rpc-v1")),
        (&["graphql-ws", "mqtt, betterbase-rpc-v1"], Some("betterbase-rpc-v1")),
        (&["betterbase-rpc-v1", "less-rpc-v1"], Some("betterbase-rpc-v1")),
        (&["LESS-RPC-V1"], None),
        (&["less-rpc-v1x"], None),
        (&[""], None),
    ] {
        let response = Upgrade::offering(lines).response(server.address()).await;
        assert_eq!(response.header("sec-websocket-protocol"), chosen, "{lines:?}");
        assert_eq!(response.status, if chosen.is_some() { 101 } else { 400 }, "{lines:?}");
    }
}

///
#[tokio::test]
async fn both_subprotocols_speak_the_same_format() {
    let server = TestServer::start().await;
    let mut results = Vec::new();
    for name in ["less-rpc-v1", "betterbase-rpc-v1"] {
        let mut client = RawClient::upgrade(server.address(), &Upgrade::offering(&[name])).await;
        client.authenticate(&server.token(name)).await;
        let params = json!({ "spaces": [{ "id": server.space(name), "since": 0 }] });
        let mut state = client.call("subscribe", &params).await["result"]["spaces"][0].clone();
        state["id"] = json!("the same");
        results.push(state);
    }
    assert_eq!(results[0], results[1]);
}

#[tokio::test]
async fn the_handshake_is_that_of_rfc_6455_without_extensions() {
    let request =
        Upgrade::offering(&["less-rpc-v1"]).header("Sec-WebSocket-Extensions", "permessage-deflate");
    let response = response(&request).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(response.header("sec-websocket-extensions"), None);
}

#[tokio::test]
async fn other_requests_than_websocket_upgrades_are_rejected() {
    let server = TestServer::start().await;
    let whole = Upgrade::offering(&["less-rpc-v1"]);
    for (what, request) in [
        ("no connection header", whole.clone().without("connection")),
        ("no upgrade header", whole.clone().without("upgrade")),
        ("another upgrade", whole.clone().without("upgrade").header("Upgrade", "h2c")),
        ("no version", whole.clone().without("sec-websocket-version")),
        (
            "an old version",
            whole.clone().without("sec-websocket-version").header("Sec-WebSocket-Version", "8"),
        ),
        ("no key", whole.clone().without("sec-websocket-key")),
    ] {
        assert_eq!(request.response(server.address()).await.status, 400, "{what}");
    }
}

#[tokio::test]
async fn header_values_are_lists_of_any_case() {
    let request = Upgrade::offering(&["less-rpc-v1"]).without("connection").without("upgrade");
    let request = request.header("Connection", "keep-alive, UPGRADE").header("Upgrade", "WebSocket");
    assert_eq!(response(&request).await.status, 101);
}

#[tokio::test]
async fn other_methods_are_rejected_and_preflights_accepted() {
    let server = TestServer::start().await;
    let whole = Upgrade::offering(&["less-rpc-v1"]);
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(whole.clone().method(method).response(server.address()).await.status, 405, "{method}");
    }
    let preflight = whole.method("OPTIONS").response(server.address()).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn query_parameters_are_ignored() {
    let request = Upgrade::offering(&["less-rpc-v1"]).target("/api/v1/ws?token=nonsense");
    assert_eq!(response(&request).await.status, 101);
}

/// Every response has the headers of http §1.1, the 101 included.
#[tokio::test]
async fn every_response_has_the_common_headers() {
    let server = TestServer::start().await;
    let whole = Upgrade::offering(&["less-rpc-v1"]);
    for request in
        [whole.clone(), Upgrade::offering(&[]), whole.clone().method("POST"), whole.method("OPTIONS")]
    {
        let response = request.response(server.address()).await;
        assert_eq!(response.header("x-protocol-version"), Some("1"), "{response:?}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{response:?}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{response:?}");
        assert!(response.header("x-request-id").is_some_and(|id| id.len() >= 8), "{response:?}");
    }
}

#[tokio::test]
async fn a_full_server_rejects_before_the_upgrade() {
    let server = TestServer::with_limits(|limits| limits.max_connections_total = 1).await;
    let _first = server.raw("alice").await;
    let response = Upgrade::offering(&["less-rpc-v1"]).response(server.address()).await;
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
}

#[tokio::test]
async fn unauthenticated_connections_per_address_are_limited() {
    let server = TestServer::with_limits(|limits| limits.max_unauthenticated_per_address = 2).await;
    let mut first = RawClient::connect(server.address()).await;
    let _second = RawClient::connect(server.address()).await;
    let rejected = Upgrade::offering(&["less-rpc-v1"]).response(server.address()).await;
    assert_eq!((rejected.status, rejected.header("retry-after")), (429, Some("5")));
    first.authenticate(&server.token("alice")).await;
    first.assert_alive().await;
    assert_eq!(Upgrade::offering(&["less-rpc-v1"]).response(server.address()).await.status, 101);
}

/// Sockets that stay silent during the HTTP request are closed.
#[tokio::test]
async fn a_socket_that_never_finishes_its_request_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = TestServer::with_manual_clock().await;
    // The keys are loaded: from here on no other timer of ten seconds is pending.
    server.raw("alice").await.assert_alive().await;
    for begun in ["", "GET /api/v1/ws HTTP/1.1\r\nHost: lo"] {
        let mut socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        socket.write_all(begun.as_bytes()).await.unwrap();
        server.clock().until_armed(Duration::from_secs(10)).await;
        server.clock().advance(Duration::from_secs(10));
        let mut response = String::new();
        within("the end of the socket", socket.read_to_string(&mut response)).await.unwrap();
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 408 "), "{begun:?}: {response}");
    }
}
