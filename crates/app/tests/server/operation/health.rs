//! Health and bearer authentication of a whole server (http §3, §4).

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use less_sync_test_support::{Behaviour, Issuer, ManualClock};
use serde_json::json;

use crate::operation::fixture::Fixture;

#[tokio::test]
async fn a_server_becomes_ready_when_it_has_keys() {
    let fixture = Fixture::new().await;
    fixture.issuer.until_fetched(1).await;
    let mut response = fixture.get("/readyz").await;
    // The issuer has sent the document, but the server may not have received it yet.
    while response.status != StatusCode::OK {
        response = fixture.get("/readyz").await;
    }
    let ok = json!({ "status": "ok" });
    let expected = json!({ "status": "ready", "checks": { "database": ok, "keys": ok, "draining": ok } });
    assert_eq!(response.body, expected);
    assert_eq!(fixture.get("/health").await.body, json!({ "status": "healthy" }));
    assert_eq!(fixture.get("/livez").await.body, json!({ "status": "ok" }));
}

/// H10.
#[tokio::test]
async fn an_outage_of_the_issuer_is_seen_in_readiness_and_never_as_401() {
    let clock = ManualClock::new();
    let issuer = Issuer::start(Arc::new(clock.clone())).await;
    issuer.behave(Behaviour::Status(500));
    let fixture = Fixture::with(issuer, clock, |_config| {}).await;
    let unready = fixture.get("/readyz").await;
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    let without_keys = [fixture.issuer.url()];
    let expected = json!({
        "status": "unready", "checks": { "keys": { "status": "failed", "without_keys": without_keys } },
    });
    assert_eq!(unready.body, expected);
    assert_eq!(fixture.get("/health").await.status, StatusCode::OK, "liveness does not depend on issuers");
    let rejected = fixture.get_as(&fixture.issuer.token("user-1"), "/api/v1/spaces").await;
    assert_eq!(rejected.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rejected.body, json!({ "error": "authentication temporarily unavailable" }));

    fixture.issuer.behave(Behaviour::Healthy);
    fixture.clock.advance(Duration::from_secs(5));
    let accepted = fixture.get_as(&fixture.issuer.token("user-1"), "/api/v1/spaces").await;
    assert_eq!(accepted.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn tokens_decide_between_401_and_404() {
    let fixture = Fixture::new().await;
    let path = "/api/v1/unknown?token=ignored";
    assert_eq!(fixture.get(path).await.status, StatusCode::UNAUTHORIZED);
    let known = fixture.get_as(&fixture.issuer.token("user-1"), path).await;
    assert_eq!(known.status, StatusCode::NOT_FOUND);
    assert_eq!(known.headers["x-protocol-version"], "1");
    let expired = fixture.issuer.claims("user-1").expires_at(less_sync_core::Timestamp::from_seconds(1));
    let expired = fixture.get_as(&fixture.issuer.mint(&expired), path).await;
    assert_eq!(expired.status, StatusCode::UNAUTHORIZED);
    assert_eq!(expired.body, json!({ "error": "token has expired" }));
}
