//! Public documents (http §5).

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeSet;

use http::StatusCode;
use less_sync_api::{CorsOrigins, ServerMetadata};
use serde_json::{Value, json};

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

/// Names of the parameters in headers, and of the headers of responses, of all operations in the OpenAPI document.
fn described_headers() -> (BTreeSet<String>, BTreeSet<String>) {
    let document: Value = serde_json::from_str(&less_sync_api::openapi()).unwrap();
    let paths = document.get("paths").unwrap().as_object().unwrap().values();
    let (mut sent, mut returned) = (BTreeSet::new(), BTreeSet::new());
    for operation in paths.flat_map(|path| path.as_object().unwrap().values()) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_headers = parameters.filter(|parameter| parameter["in"] == "header");
        sent.extend(in_headers.map(|parameter| parameter["name"].as_str().unwrap().to_lowercase()));
        let responses = operation["responses"].as_object().unwrap().values();
        let headers = responses.filter_map(|response| response["headers"].as_object()).flatten();
        returned.extend(headers.map(|(name, _)| name.to_lowercase()));
    }
    (sent, returned)
}

/// Browsers drop a request with a header that is not listed, and hide a header of the response that is not.
#[tokio::test]
async fn browsers_may_send_and_read_every_documented_header() {
    let preflight = Edge::new().send(request("OPTIONS", "/")).await;
    let listed = |name| -> BTreeSet<String> {
        preflight.header(name).unwrap().split(", ").map(str::to_lowercase).collect()
    };
    let (mut sent, returned) = described_headers();
    // Stated once for all operations, and not by parameters.
    sent.extend(
        ["authorization", "content-type", "x-request-id", "traceparent", "tracestate"].map(str::to_owned),
    );
    let allowed = listed("access-control-allow-headers");
    assert_eq!(allowed, sent);
    // Readable without being listed, by the Fetch standard.
    let safe = [
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    ];
    let exposed = listed("access-control-expose-headers");
    let hidden: Vec<_> =
        returned.iter().filter(|name| !exposed.contains(*name) && !safe.contains(&name.as_str())).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}
