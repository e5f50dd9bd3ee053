//! The health routes, by the rows of http §4 and §13.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use http::StatusCode;
use less_sync_api::CorsOrigins;
use serde_json::json;

use crate::harness::{Database, Edge, request};

fn edge(database: Database) -> Edge {
    Edge::with(database, CorsOrigins::Any, Router::new())
}

/// http §13 "health ok / database down".
#[tokio::test(start_paused = true)]
async fn a_server_with_a_database_is_healthy() {
    let response = edge(Database::Up).get("/health").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.json(), json!({ "status": "healthy" }));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

/// http §13 "health ok / database down", W16.
#[tokio::test(start_paused = true)]
async fn a_server_whose_database_fails_or_hangs_is_not() {
    for database in [Database::Down, Database::Hanging] {
        let asked = tokio::time::Instant::now();
        let response = edge(database).get("/health").await;
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.json(), json!({ "status": "unhealthy", "error": "database unavailable" }));
        assert_eq!(response.header("retry-after"), Some("5"));
        assert!(asked.elapsed() < Duration::from_millis(2100), "{database:?} took {:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn head_answers_without_a_body() {
    let edge = edge(Database::Up);
    for path in ["/health", "/livez", "/readyz"] {
        let response = edge.send(request("HEAD", path)).await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
        assert!(response.body.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn liveness_touches_nothing() {
    let edge = edge(Database::Hanging);
    edge.draining.begin();
    let response = edge.get("/livez").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.json(), json!({ "status": "ok" }));
    assert_eq!(edge.pings.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_lists_its_checks_and_the_issuers_without_keys() {
    let response = edge(Database::Up).get("/readyz").await;
    assert_eq!(response.status, StatusCode::OK);
    let expected = json!({
        "status": "ready",
        "checks": {
            "database": { "status": "ok" },
            "keys": { "status": "ok", "without_keys": ["https://down.example"] },
            "draining": { "status": "ok" },
        },
    });
    assert_eq!(response.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn without_any_keys_the_server_is_not_ready_but_healthy() {
    let issuers = vec![("https://down.example".to_owned(), false)];
    let edge = Edge::with_issuers(issuers, Database::Up, CorsOrigins::Any, Router::new());
    let response = edge.get("/readyz").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    let expected = json!({
        "status": "unready",
        "checks": { "keys": { "status": "failed", "without_keys": ["https://down.example"] } },
    });
    assert_eq!(response.json(), expected);
    assert_eq!(edge.get("/health").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_is_neither_healthy_nor_ready() {
    let edge = edge(Database::Up);
    edge.draining.begin();
    let health = edge.get("/health").await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.json(), json!({ "status": "unhealthy", "error": "shutting down" }));
    let ready = edge.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        ready.json(),
        json!({ "status": "unready", "checks": { "draining": { "status": "failed" } } })
    );
}

#[tokio::test(start_paused = true)]
async fn database_is_checked_once_for_all_requests_and_once_a_second() {
    let edge = edge(Database::Up);
    let asked_together = (0..20).map(|n| edge.get(if n % 2 == 0 { "/health" } else { "/readyz" }));
    let responses = join_all(asked_together).await;
    assert!(responses.iter().all(|response| response.status == StatusCode::OK));
    assert_eq!(edge.pings.load(Ordering::SeqCst), 1, "one ping for twenty requests");
    tokio::time::advance(Duration::from_millis(900)).await;
    edge.get("/health").await;
    assert_eq!(edge.pings.load(Ordering::SeqCst), 1, "a result is cached for a second");
    tokio::time::advance(Duration::from_millis(200)).await;
    edge.get("/health").await;
    assert_eq!(edge.pings.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn hanging_database_delays_all_requests_once() {
    let edge = edge(Database::Hanging);
    let asked = tokio::time::Instant::now();
    let responses = join_all((0..20).map(|_| edge.get("/health"))).await;
    assert!(responses.iter().all(|response| response.status == StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(edge.pings.load(Ordering::SeqCst), 1);
    assert!(asked.elapsed() < Duration::from_millis(2100), "took {:?}", asked.elapsed());
}
