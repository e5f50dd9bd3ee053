//! Layers around every request, by the rows of http §13.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use less_sync_api::CorsOrigins;

use crate::harness::{Database, Edge, Response, request};

const PROBE: &str = "/probe";

fn probes() -> Router {
    Router::new()
        .route(PROBE, get(async || "fine"))
        .route("/panic", get(panics))
        .route("/hang", get(hangs))
        .route("/switch", get(async || StatusCode::SWITCHING_PROTOCOLS))
        .route("/plain", get(async || (StatusCode::CONFLICT, "plain text")))
        .route("/api/v1/ws", get(async || StatusCode::BAD_REQUEST))
}

#[expect(clippy::panic, reason = "a handler that fails as badly as one can")]
async fn panics() -> StatusCode {
    panic!("no secret may come out: hunter2")
}

async fn hangs() -> StatusCode {
    std::future::pending().await
}

fn edge() -> Edge {
    Edge::with(Database::Up, CorsOrigins::Any, probes())
}

fn assert_common_headers(response: &Response) {
    assert_eq!(response.header("x-protocol-version"), Some("1"));
    assert_eq!(response.header("x-request-id"), Some("00000000-0000-4000-8000-000000000007"));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        response.header("access-control-allow-methods"),
        Some("GET, PUT, HEAD, POST, OPTIONS, DELETE")
    );
    assert_eq!(
        response.header("access-control-allow-headers"),
        Some(
            "Content-Type, Content-Length, Authorization, X-UCAN, X-Wrapped-DEK, X-Record-ID, Range, \
             If-None-Match, If-Match, If-Range, Repr-Digest, Content-Digest, X-Request-ID, Traceparent, Tracestate"
        )
    );
    assert_eq!(
        response.header("access-control-expose-headers"),
        Some(
            "X-Wrapped-DEK, ETag, Content-Range, Accept-Ranges, Repr-Digest, Retry-After, \
             X-Protocol-Version, X-Request-ID"
        )
    );
    assert_eq!(response.header("access-control-max-age"), Some("86400"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
}

/// http §13 "version header everywhere", H8.
#[tokio::test(start_paused = true)]
async fn every_response_carries_the_common_headers() {
    let edge = edge();
    let paths = [
        (PROBE, 200),
        ("/health", 200),
        ("/unknown", 404),
        ("/api/v1/unknown", 401),
        ("/.well-known/unknown", 404),
        ("/plain", 409),
        ("/panic", 500),
        ("/hang", 503),
        ("/switch", 101),
        ("/api/v1/ws", 400),
    ];
    for (path, status) in paths {
        let response = edge.get(path).await;
        assert_eq!(response.status.as_u16(), status, "{path}");
        assert_common_headers(&response);
    }
}

/// H9.
#[tokio::test(start_paused = true)]
async fn every_error_is_json_with_one_member() {
    let edge = edge();
    assert_eq!(edge.get("/plain").await.error(), "conflict");
    assert_eq!(edge.get("/panic").await.error(), "internal error");
    assert_eq!(edge.get("/hang").await.error(), "timeout");
    let rejected = edge.send(request("POST", PROBE)).await;
    assert_eq!(rejected.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(rejected.header("allow"), Some("GET,HEAD"));
    assert_eq!(rejected.error(), "method not allowed");
}

#[tokio::test]
async fn upgrade_routes_keep_their_empty_errors() {
    let response = edge().get("/api/v1/ws").await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert!(response.body.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_503_says_when_to_come_back() {
    let response = edge().get("/hang").await;
    assert_eq!(response.header("retry-after"), Some("5"));
}

/// http §13 "preflight 204 with CORS values".
#[tokio::test]
async fn preflight_gets_a_response_on_any_path_without_authorization() {
    let edge = edge();
    for path in ["/health", "/api/v1/spaces/x/files/y", "/api/v1/ws", "/unknown", "/"] {
        let response = edge.send(request("OPTIONS", path)).await;
        assert_eq!(response.status, StatusCode::NO_CONTENT, "{path}");
        assert!(response.body.is_empty());
        assert_common_headers(&response);
    }
}

#[tokio::test]
async fn a_harmless_request_id_is_echoed_and_another_replaced() {
    let edge = edge();
    let echoed = edge.get_with(PROBE, &[("x-request-id", "trace-0001")]).await;
    assert_eq!(echoed.header("x-request-id"), Some("trace-0001"));
    let replaced = edge.get_with(PROBE, &[("x-request-id", "<script>alert(1)</script>")]).await;
    assert_eq!(replaced.header("x-request-id"), Some("00000000-0000-4000-8000-000000000007"));
}

#[tokio::test]
async fn listed_origins_are_echoed_and_others_get_nothing() {
    let listed = CorsOrigins::Listed(vec!["https://app.example".parse().unwrap()]);
    let edge = Edge::with(Database::Up, listed, probes());
    let allowed = edge.get_with(PROBE, &[("origin", "https://app.example")]).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(allowed.header("vary"), Some("Origin"));
    let rejected = edge.get_with(PROBE, &[("origin", "https://evil.example")]).await;
    assert_eq!(rejected.header("access-control-allow-origin"), None);
    assert_eq!(rejected.header("vary"), Some("Origin"));
    let document = edge.get_with("/.well-known/unknown", &[("origin", "https://evil.example")]).await;
    assert_eq!(
        document.header("access-control-allow-origin"),
        Some("*"),
        "public documents are readable from every origin"
    );
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_rejected() {
    let edge = edge();
    let with_headers = |count: usize, value: &str| {
        let request = (0..count)
            .fold(Request::builder().uri(PROBE), |request, n| request.header(format!("x-filler-{n}"), value));
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(edge.send(with_headers(100, "x")).await.status, StatusCode::OK);
    let many = edge.send(with_headers(101, "x")).await;
    assert_eq!(many.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(many.error(), "request header fields too large");
    let large = edge.send(with_headers(2, &"x".repeat(66_000))).await;
    assert_eq!(large.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn a_draining_server_rejects_all_but_health_and_upgrades() {
    let edge = edge();
    edge.draining.begin();
    for path in [PROBE, "/unknown", "/.well-known/unknown"] {
        let rejected = edge.get(path).await;
        assert_eq!(rejected.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(rejected.error(), "server is shutting down");
        assert_eq!(rejected.header("retry-after"), Some("5"));
        assert_eq!(rejected.header("connection"), Some("close"));
    }
    assert_eq!(edge.get("/livez").await.status, StatusCode::OK);
    assert_eq!(edge.get("/api/v1/ws").await.status, StatusCode::BAD_REQUEST, "the endpoint responds itself");
    assert_eq!(edge.send(request("OPTIONS", PROBE)).await.status, StatusCode::NO_CONTENT);
}
