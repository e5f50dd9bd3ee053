//! The first frame and the connection limits (protocol §1.4, §1.9).

use std::time::Duration;

use less_sync_core::Timestamp;
use less_sync_test_support::{
    Behaviour, DEADLINE, Frame, Opcode, RawClient, Received, TestServer, encode, unhex,
};
use serde_json::json;

/// Sends `message` as the first frame: how the server closes.
async fn close_after(server: &TestServer, message: Frame) -> (u16, String) {
    let mut client = RawClient::connect(server.address()).await;
    client.send(&message).await;
    client.receive_close().await
}

async fn close_after_token(server: &TestServer, token: &str) -> (u16, String) {
    let message = encode(&json!({ "type": 2, "method": "auth", "params": { "token": token } }));
    close_after(server, Frame::new(Opcode::BINARY, message)).await
}

fn auth_failed(reason: &str) -> (u16, String) {
    (4000, reason.to_owned())
}

/// P-003
#[tokio::test]
async fn a_silent_client_is_closed_after_the_timeout() {
    let server = TestServer::with_manual_clock().await;
    let mut client = RawClient::connect(server.address()).await;
    server.clock().until_armed(Duration::from_secs(5)).await;
    server.clock().advance(Duration::from_secs(5));
    assert_eq!(client.receive_close().await, auth_failed("auth timeout"));
    client.send(&Frame::close(1000, "")).await;
    client.receive_end().await;
}

/// P-005: the connection acts for the user of the token.
#[tokio::test]
async fn a_valid_token_opens_the_personal_space_of_its_user() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    assert_eq!(alice.subscribe(&server.space("alice")).await["cursor"], 0);
    let params = json!({ "spaces": [{ "id": server.space("bob"), "since": 0 }] });
    let response = alice.call("subscribe", &params).await;
    assert_eq!(response["result"]["errors"][0]["error"], "forbidden", "{response}");
}

/// P-004, P-006, P-007, X-02
#[tokio::test]
async fn every_wrong_first_frame_has_its_reason() {
    let server = TestServer::start().await;
    let binary = |frame| Frame::new(Opcode::BINARY, encode(&frame));
    for (message, reason) in [
        (Frame::new(Opcode::TEXT, "hello"), "expected binary auth frame"),
        (Frame::new(Opcode::BINARY, ""), "empty auth frame"),
        (Frame::new(Opcode::BINARY, unhex("ffffff")), "invalid auth frame"),
        (Frame::new(Opcode::BINARY, unhex("f6")), "invalid auth frame"),
        (
            binary(json!({ "type": 0, "id": "1", "method": "pull", "params": { "spaces": [] } })),
            "invalid auth frame",
        ),
        (binary(json!({ "type": 2, "method": "auth", "params": { "token": 5 } })), "invalid auth frame"),
        (binary(json!({ "type": 2, "method": "auth" })), "invalid auth frame"),
        (
            binary(json!({ "type": 2, "method": "hello", "params": { "token": "x" } })),
            "first frame must be an auth notification",
        ),
        (
            binary(json!({ "type": 0, "id": "1", "method": "auth", "params": { "token": "x" } })),
            "first frame must be an auth notification",
        ),
        (binary(json!({ "type": 2, "method": "auth", "params": { "token": "" } })), "empty auth token"),
    ] {
        assert_eq!(close_after(&server, message).await, auth_failed(reason));
    }
}

/// P-008, X-02
#[tokio::test]
async fn every_rejected_token_has_its_reason() {
    let server = TestServer::start().await;
    let issuer = server.issuer();
    let ordinary = issuer.claims("alice");
    let long_ago = Timestamp::from_seconds(1_000_000_000);
    for (token, reason) in [
        ("nonsense".to_owned(), "invalid auth token"),
        (issuer.mint(&ordinary.clone().without("exp")), "invalid auth token"),
        (issuer.mint(&ordinary.clone().without("sub")), "invalid auth token"),
        (issuer.mint(&ordinary.clone().mailbox("not hexadecimal")), "invalid auth token"),
        (issuer.mint_with_header(&json!({ "alg": "none", "kid": "key-1" }), &ordinary), "invalid auth token"),
        (
            issuer.mint_with_header(&json!({ "alg": "ES256", "kid": "unknown" }), &ordinary),
            "invalid auth token",
        ),
        (issuer.mint(&ordinary.clone().expires_at(long_ago)), "expired auth token"),
        (issuer.mint(&ordinary.clone().with("iss", "https://elsewhere.example")), "untrusted auth issuer"),
        (issuer.mint(&ordinary.clone().without("iss")), "untrusted auth issuer"),
        (issuer.mint(&ordinary.clone().scope("files")), "sync scope required"),
        (issuer.mint(&ordinary.clone().scope("synchronise files")), "sync scope required"),
        (issuer.mint(&ordinary.without("scope")), "sync scope required"),
    ] {
        assert_eq!(close_after_token(&server, &token).await, auth_failed(reason));
    }
}

/// Protocol §1.10: an address that is rejected over and over waits, and nobody else does.
#[tokio::test]
async fn rejections_of_an_address_are_paced_and_accepted_tokens_are_not() {
    let server = TestServer::with_manual_clock().await;
    for _ in 0..100 {
        assert_eq!(close_after_token(&server, "nonsense").await, auth_failed("invalid auth token"));
    }
    let mut paced = RawClient::connect(server.address()).await;
    let token = encode(&json!({ "type": 2, "method": "auth", "params": { "token": "nonsense" } }));
    paced.send(&Frame::new(Opcode::BINARY, token)).await;
    server.clock().until_armed(Duration::from_millis(10)).await;
    server.raw("alice").await.assert_alive().await;
    server.clock().advance(Duration::from_millis(10));
    assert_eq!(paced.receive_close().await, auth_failed("invalid auth token"));
}

/// a token cannot name a space that is not its user's.
#[tokio::test]
async fn a_forged_personal_space_claim_is_rejected() {
    let server = TestServer::start().await;
    let claims = server.issuer().claims("mallory").with("personal_space_id", server.space("alice"));
    let token = server.issuer().mint(&claims);
    assert_eq!(close_after_token(&server, &token).await, auth_failed("invalid auth token"));
}

/// an outage of the issuer is not a rejection.
#[tokio::test]
async fn an_unreachable_key_set_closes_with_try_again_later() {
    let server = TestServer::builder().manual_clock().key_set(Behaviour::Status(500)).start().await;
    let token = server.token("alice");
    assert_eq!(close_after_token(&server, &token).await, (1013, "auth unavailable".to_owned()));
    server.issuer().behave(Behaviour::Healthy);
    server.clock().advance(Duration::from_secs(20));
    server.raw("alice").await.assert_alive().await;
}

/// A token needs no signature to name a key that the issuer will publish next.
#[tokio::test]
async fn naming_the_next_key_of_the_issuer_closes_no_good_token_for_good() {
    let server = TestServer::with_manual_clock().await;
    let issuer = server.issuer();
    server.raw("alice").await.assert_alive().await;
    let early =
        issuer.mint_with_header(&json!({ "alg": "ES256", "kid": "key-2" }), &issuer.claims("mallory"));
    assert_eq!(close_after_token(&server, &early).await, auth_failed("invalid auth token"));
    issuer.rotate();
    let try_later = (1013, "auth unavailable".to_owned());
    assert_eq!(close_after_token(&server, &server.token("alice")).await, try_later);
    server.clock().advance(Duration::from_secs(10));
    server.raw("alice").await.assert_alive().await;
}

#[tokio::test]
async fn an_auth_frame_beyond_64_kib_is_too_big() {
    let server = TestServer::start().await;
    let frame = Frame::new(Opcode::BINARY, vec![0xf6; 64 * 1024 + 1]);
    assert_eq!(close_after(&server, frame).await, (1009, "message too big".to_owned()));
}

/// D-43: control frames are not the first frame.
#[tokio::test]
async fn a_ping_before_the_auth_frame_gets_a_pong() {
    let server = TestServer::start().await;
    let mut client = RawClient::connect(server.address()).await;
    client.send(&Frame::new(Opcode::PING, "early")).await;
    let Received::Frame(pong) = client.receive().await else { panic!("no pong") };
    assert_eq!((pong.opcode, pong.payload), (Opcode::PONG, b"early".to_vec()));
    client.authenticate(&server.token("alice")).await;
    client.assert_alive().await;
}

/// Without an acknowledgement: frames behind the auth frame wait for its verification.
#[tokio::test]
async fn requests_may_follow_the_auth_frame_at_once() {
    let server = TestServer::start().await;
    let mut client = RawClient::connect(server.address()).await;
    let auth = encode(&json!({ "type": 2, "method": "auth", "params": { "token": server.token("alice") } }));
    let request =
        encode(&json!({ "type": 0, "id": "now", "method": "subscribe", "params": { "spaces": [] } }));
    let both: Vec<u8> = [auth, request]
        .into_iter()
        .flat_map(|message| Frame::new(Opcode::BINARY, message).to_bytes())
        .collect();
    client.send_raw(&both).await;
    assert_eq!(client.receive_rpc().await, json!({ "type": 1, "id": "now", "result": { "spaces": [] } }));
}

#[tokio::test]
async fn an_auth_frame_may_come_in_pieces() {
    let server = TestServer::start().await;
    let mut client = RawClient::connect(server.address()).await;
    let auth = encode(&json!({ "type": 2, "method": "auth", "params": { "token": server.token("alice") } }));
    client.send_fragmented(&auth, 7).await;
    client.assert_alive().await;
}

/// P-009, P-223
#[tokio::test]
async fn a_connection_over_the_mailbox_limit_is_rejected_and_the_others_stay() {
    let server = TestServer::with_limits(|limits| limits.max_connections_per_mailbox = 2).await;
    let mailbox = "9f".repeat(32);
    let token = |user: &str| server.issuer().mint(&server.issuer().claims(user).mailbox(&mailbox));
    let mut first = server.raw_with_token(&token("alice")).await;
    let mut second = server.raw_with_token(&token("bob")).await;
    first.assert_alive().await;
    second.assert_alive().await;
    let third = close_after_token(&server, &token("carol")).await;
    assert_eq!(third, (4003, "too many connections".to_owned()));
    first.assert_alive().await;
    second.assert_alive().await;
}

/// A slot is free again once its connection has gone.
#[tokio::test]
async fn a_closed_connection_releases_its_slot() {
    let server = TestServer::with_limits(|limits| limits.max_connections_per_actor = 1).await;
    let mut first = server.raw("alice").await;
    first.assert_alive().await;
    assert_eq!(close_after_token(&server, &server.token("alice")).await.0, 4003);
    first.send(&Frame::close(1000, "client close")).await;
    first.receive_end().await;
    let again = async {
        // The socket ends a moment before its teardown is complete.
        while close_or_answer(&server).await == Some(4003) {}
    };
    tokio::time::timeout(DEADLINE, again).await.expect("a slot after the first connection ended");
}

/// The close code that rejects alice, or `None` if she is served.
async fn close_or_answer(server: &TestServer) -> Option<u16> {
    let mut client = server.raw("alice").await;
    client.request("subscribe", &json!({ "spaces": [] })).await;
    loop {
        match client.receive().await {
            Received::Frame(frame) if frame.opcode == Opcode::CLOSE => {
                return Some(u16::from_be_bytes([frame.payload[0], frame.payload[1]]));
            }
            Received::Frame(frame) if frame.opcode == Opcode::BINARY => return None,
            Received::Frame(_) => {}
            Received::End => panic!("ended without a close frame"),
        }
    }
}

/// Without a mailbox claim the limit is that of user and app, so that users of one app do not share it.
#[tokio::test]
async fn users_without_mailbox_do_not_share_a_limit() {
    let server = TestServer::with_limits(|limits| limits.max_connections_per_mailbox = 1).await;
    let mut alice = server.raw("alice").await;
    let mut bob = server.raw("bob").await;
    alice.assert_alive().await;
    bob.assert_alive().await;
}
