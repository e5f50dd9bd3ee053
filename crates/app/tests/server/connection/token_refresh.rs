//! `token.refresh` and the end of a token (protocol §1.11, §4.5).

use std::time::Duration;

use less_sync_test_support::{Behaviour, Claims, RawClient, TestServer};
use serde_json::{Value, json};

async fn refresh(client: &mut RawClient, token: &str) -> Value {
    client.call("token.refresh", &json!({ "token": token })).await["result"].clone()
}

fn rejected(reason: &str) -> Value {
    json!({ "ok": false, "error": reason })
}

/// The connection still has the rights of its first token.
async fn assert_rights_of(client: &mut RawClient, space: &str) {
    assert_eq!(client.subscribe(space).await["id"], space);
}

/// P-070, P-071: every rejection has its reason and changes nothing.
#[tokio::test]
async fn a_rejected_token_leaves_the_connection_as_it_was() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    let claims = || server.issuer().claims("alice");
    for (token, reason) in [
        (String::new(), "missing auth token"),
        ("nonsense".to_owned(), "invalid auth token"),
        (server.issuer().mint(&claims().with("exp", 1_000_000_000)), "expired auth token"),
        (server.issuer().mint(&claims().with("iss", "https://elsewhere.example")), "untrusted auth issuer"),
        (server.issuer().mint(&claims().scope("files")), "sync scope required"),
    ] {
        assert_eq!(refresh(&mut alice, &token).await, rejected(reason));
        assert_rights_of(&mut alice, &server.space("alice")).await;
    }
}

/// P-072
#[tokio::test]
async fn a_valid_token_is_accepted() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    assert_eq!(refresh(&mut alice, &server.token("alice")).await, json!({ "ok": true }));
    assert_rights_of(&mut alice, &server.space("alice")).await;
}

/// P-073, and the members that the original did not compare.
#[tokio::test]
async fn another_identity_is_rejected() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    let claims = || server.issuer().claims("alice");
    let others: [Claims; 3] =
        [server.issuer().claims("bob"), claims().client("client-2"), claims().mailbox(&"ab".repeat(32))];
    for claims in others {
        let response = refresh(&mut alice, &server.issuer().mint(&claims)).await;
        assert_eq!(response, rejected("token identity mismatch"), "{claims:?}");
        assert_rights_of(&mut alice, &server.space("alice")).await;
    }
}

/// Two issuers may have the same user id; a token of one is rejected on a connection of the other.
#[tokio::test]
async fn the_same_user_of_another_issuer_is_another_identity() {
    let server = TestServer::builder().also_trust("https://twin.example").start().await;
    let mut alice = server.raw("alice").await;
    let twin = server.issuer().mint(&server.issuer().claims("alice").with("iss", "https://twin.example"));
    assert_eq!(refresh(&mut alice, &twin).await, rejected("token identity mismatch"));
}

#[tokio::test]
async fn an_unreachable_key_set_is_an_error_and_no_rejection() {
    let server = TestServer::with_manual_clock().await;
    let mut alice = server.raw("alice").await;
    alice.assert_alive().await;
    server.issuer().behave(Behaviour::Status(500));
    server.issuer().rotate_in_secret();
    let response = alice.call("token.refresh", &json!({ "token": server.token("alice") })).await;
    assert_eq!(response["error"]["code"], "internal", "{response}");
    alice.assert_alive().await;
}

/// Moves the clock on in steps short enough for the idle rule.
async fn pass(server: &TestServer, client: &mut RawClient, time: Duration) {
    const STEP: Duration = Duration::from_secs(20);
    let mut left = time;
    while !left.is_zero() {
        client.assert_alive().await;
        let step = left.min(STEP);
        server.clock().advance(step);
        left -= step;
    }
}

/// a connection ends a minute after its token.
#[tokio::test]
async fn an_expired_token_ends_the_connection_after_its_leeway() {
    let server = TestServer::with_manual_clock().await;
    let expiry = server.issuer().now().plus(Duration::from_mins(5));
    let token = server.issuer().mint(&server.issuer().claims("alice").expires_at(expiry));
    let mut alice = server.raw_with_token(&token).await;
    pass(&server, &mut alice, Duration::from_secs(355)).await;
    alice.assert_alive().await;
    server.clock().advance(Duration::from_secs(10));
    assert_eq!(alice.receive_close().await, (1001, "token expired".to_owned()));
}

/// a refresh moves the end.
#[tokio::test]
async fn a_refresh_postpones_the_end() {
    let server = TestServer::with_manual_clock().await;
    let expiry = server.issuer().now().plus(Duration::from_mins(5));
    let token = server.issuer().mint(&server.issuer().claims("alice").expires_at(expiry));
    let mut alice = server.raw_with_token(&token).await;
    assert_eq!(refresh(&mut alice, &server.token("alice")).await["ok"], true);
    pass(&server, &mut alice, Duration::from_secs(400)).await;
    alice.assert_alive().await;
}

/// The session follows its newest token, in either direction.
#[tokio::test]
async fn a_refresh_with_a_token_that_expires_earlier_brings_the_end_forward() {
    let server = TestServer::with_manual_clock().await;
    let mut alice = server.raw("alice").await;
    let expiry = server.issuer().now().plus(Duration::from_mins(5));
    let shorter = server.issuer().mint(&server.issuer().claims("alice").expires_at(expiry));
    assert_eq!(refresh(&mut alice, &shorter).await["ok"], true);
    pass(&server, &mut alice, Duration::from_secs(355)).await;
    alice.assert_alive().await;
    server.clock().advance(Duration::from_secs(10));
    assert_eq!(alice.receive_close().await, (1001, "token expired".to_owned()));
}
