//! Bearer authentication, by the rows of http §3 and §13.

use http::StatusCode;

use crate::harness::{Edge, Response, request};

const API_PATH: &str = "/api/v1/unknown";

async fn with_authorization(line: &str) -> Response {
    Edge::new().get_with(API_PATH, &[("authorization", line)]).await
}

fn assert_unauthorized(response: &Response, text: &str) {
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(response.error(), text);
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
}

/// http §13 "API path without token 401; bad token 401; good token on unknown path 404".
#[tokio::test]
async fn unknown_paths_of_the_api_need_a_token_before_they_are_unknown() {
    let edge = Edge::new();
    for path in [API_PATH, "/api/v1", "/api/v1/spaces/x/files/y", "/api/v1/ws/"] {
        assert_unauthorized(&edge.get(path).await, "missing authorization");
    }
}

/// http §2 row 11: browsers, scrapers and scanners learn that there is nothing.
#[tokio::test]
async fn unknown_paths_outside_of_the_api_are_not_found() {
    let edge = Edge::new();
    let paths = [
        "/",
        "/favicon.ico",
        "/metrics",
        "/robots.txt",
        "/health/",
        "//health",
        "/Health",
        "/.well-known",
        "/api",
        "/apis/v1",
    ];
    for path in paths {
        for headers in [&[][..], &[("authorization", "Bearer good")], &[("authorization", "Bearer forged")]] {
            let response = edge.get_with(path, headers).await;
            assert_eq!(
                (response.status, response.error().as_str()),
                (StatusCode::NOT_FOUND, "not found"),
                "{path}"
            );
        }
    }
    let posted = edge.send(request("POST", "/metrics")).await;
    assert_eq!(posted.status, StatusCode::NOT_FOUND);
}

/// http §13 "API path without token 401; bad token 401; good token on unknown path 404".
#[tokio::test]
async fn every_rejection_has_its_own_text() {
    let cases = [
        ("Basic abc", "invalid authorization header format"),
        ("Bearer", "invalid authorization header format"),
        ("Bearer ", "missing authorization token"),
        ("Bearer a b", "invalid token"),
        ("Bearer forged", "invalid token"),
        ("Bearer expired", "token has expired"),
        ("Bearer foreign", "untrusted token issuer"),
    ];
    for (line, text) in cases {
        assert_unauthorized(&with_authorization(line).await, text);
    }
}

/// http §13 "API path without token 401; bad token 401; good token on unknown path 404".
#[tokio::test]
async fn unknown_path_with_a_valid_token_is_not_found() {
    for line in ["Bearer good", "bearer good", "BEARER good"] {
        let response = with_authorization(line).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{line}");
        assert_eq!(response.error(), "not found");
    }
}

/// H10: clients take any 401 for "log in again".
#[tokio::test]
async fn an_outage_of_the_issuer_is_never_a_401() {
    let response = with_authorization("Bearer outage").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.error(), "authentication temporarily unavailable");
    assert_eq!(response.header("retry-after"), Some("5"));
}

#[tokio::test(start_paused = true)]
async fn validation_that_takes_too_long_is_an_outage() {
    let response = with_authorization("Bearer slow").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.error(), "authentication temporarily unavailable");
}

/// http §13 "oversized UCAN header 401 with text".
#[tokio::test]
async fn an_oversized_ucan_is_rejected_after_the_token() {
    let edge = Edge::new();
    let fits = "u".repeat(65_536);
    let too_large = "u".repeat(65_537);
    let asked = async |authorization: &str, ucan: &str| {
        edge.get_with(API_PATH, &[("authorization", authorization), ("x-ucan", ucan)]).await
    };
    assert_eq!(asked("Bearer good", &fits).await.status, StatusCode::NOT_FOUND);
    assert_unauthorized(&asked("Bearer good", &too_large).await, "X-UCAN header too large");
    assert_unauthorized(&asked("Bearer forged", &too_large).await, "invalid token");
}

#[tokio::test]
async fn unknown_documents_need_no_token() {
    let edge = Edge::new();
    for path in ["/.well-known/something-else.json", "/.well-known/", "/.well-known/a/b"] {
        let response = edge.get(path).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.error(), "not found");
    }
}
