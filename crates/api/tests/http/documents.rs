//! Public documents (http §5).

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use http::StatusCode;
use less_sync_api::{CorsOrigins, ServerMetadata};
use serde_json::json;

use crate::harness::{Edge, request};

fn edge() -> Edge {
    let metadata = ServerMetadata::new("https://accounts.example", "https://sync.example", None);
    let listed = CorsOrigins::Listed(vec!["https://app.example".parse().unwrap()]);
    Edge::with_metadata(metadata, listed)
}

/// http §13 "key set public with cache header": without federation there are no keys.
#[tokio::test]
async fn key_set_is_public() {
    let response = edge().get("/.well-known/jwks.json").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.body, br#"{"keys":[]}"#);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("public, max-age=3600, stale-while-revalidate=86400"));
    // Independent of the configured origins.
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

/// W14: under both names, members in their order.
#[tokio::test]
async fn metadata_are_public_under_both_names() {
    let edge = edge();
    let expected = concat!(
        r#"{"version":1,"federation":false,"accounts_endpoint":"https://accounts.example","#,
        r#""sync_endpoint":"https://sync.example/api/v1","federation_ws":"","#,
        r#""jwks_uri":"https://sync.example/.well-known/jwks.json","#,
        r#""webfinger":"https://accounts.example/.well-known/webfinger","#,
        r#""protocols":["less-rpc-v1","betterbase-rpc-v1"],"pow_required":false}"#,
    );
    for name in ["less-platform", "betterbase"] {
        let response = edge.get(&format!("/.well-known/{name}")).await;
        assert_eq!(
            (response.status, String::from_utf8_lossy(&response.body).as_ref()),
            (StatusCode::OK, expected)
        );
        assert_eq!(response.header("cache-control"), Some("public, max-age=3600"));
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    }
}

#[tokio::test]
async fn webfinger_may_be_elsewhere() {
    let metadata = ServerMetadata::new("https://a.example", "https://s.example", Some("https://w.example/x"));
    let edge = Edge::with_metadata(metadata, CorsOrigins::Any);
    assert_eq!(edge.get("/.well-known/less-platform").await.json()["webfinger"], "https://w.example/x");
}

#[tokio::test]
async fn document_that_is_known_is_not_sent_again() {
    let edge = edge();
    for path in ["/.well-known/jwks.json", "/.well-known/less-platform"] {
        let first = edge.get(path).await;
        let etag = first.header("etag").unwrap();
        let known = edge.get_with(path, &[("If-None-Match", etag)]).await;
        assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(known.header("etag"), Some(etag));
        let other = edge.get_with(path, &[("If-None-Match", "\"other\"")]).await;
        assert_eq!((other.status, &other.body), (StatusCode::OK, &first.body));
    }
}

#[tokio::test]
async fn head_has_no_body_and_other_methods_are_rejected() {
    let edge = edge();
    let head = edge.send(request("HEAD", "/.well-known/jwks.json")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    let post = edge.send(request("POST", "/.well-known/jwks.json")).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// Unknown documents need no token; metadata that are not configured are unknown.
#[tokio::test]
async fn other_documents_are_not_there() {
    let edge = Edge::new();
    for name in ["less-platform", "betterbase", "webfinger", "x/y"] {
        let response = edge.get(&format!("/.well-known/{name}")).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{name}");
        assert_eq!(response.json(), json!({ "error": "not found" }));
    }
}

/// The OpenAPI document in the repository and the one that the server returns are the same.
#[tokio::test]
async fn openapi_document_is_the_one_in_the_documentation() {
    let kept = include_str!("../../../../docs/openapi.json");
    assert!(
        less_sync_api::openapi() == kept,
        "docs/openapi.json is out of date: `cargo run -p less-sync-api --example openapi > docs/openapi.json`"
    );
    let response = Edge::new().get("/openapi.json").await;
    assert_eq!((response.status, response.body), (StatusCode::OK, kept.as_bytes().to_vec()));
    assert_eq!(serde_json::from_str::<serde_json::Value>(kept).unwrap()["openapi"], "3.1.0");
}
