//! Keepalive, silence and age (protocol §1.6, §1.11).

use std::time::Duration;

use less_sync_test_support::{
    Fault, FaultProxy, Frame, Opcode, RawClient, Received, TestServer, Upgrade, create,
};
use serde_json::json;

const KEEPALIVE: Duration = Duration::from_secs(30);

/// The opcodes and payloads of the next `count` frames.
async fn frames(client: &mut RawClient, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..count {
        match client.receive().await {
            Received::Frame(frame) => frames.push(frame),
            Received::End => panic!("ended after {frames:?}"),
        }
    }
    frames
}

///
#[tokio::test]
async fn every_thirty_seconds_brings_a_keepalive_and_a_ping() {
    let server = TestServer::with_manual_clock().await;
    let mut client = server.raw("alice").await;
    client.assert_alive().await;
    for _ in 0..4 {
        server.clock().advance(KEEPALIVE);
        let frames = frames(&mut client, 2).await;
        assert!(
            frames.iter().any(|frame| frame.opcode == Opcode::BINARY && frame.payload == [0xf6]),
            "{frames:?}"
        );
        assert!(frames.iter().any(|frame| frame.opcode == Opcode::PING), "{frames:?}");
        client.send(&Frame::new(Opcode::PONG, "")).await;
        client.assert_alive().await;
    }
}

/// neither a frame nor a Ping nor a Pong for 75 seconds.
#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = TestServer::with_manual_clock().await;
    let mut client = server.raw("alice").await;
    client.assert_alive().await;
    server.clock().advance(Duration::from_secs(74));
    let frames = frames(&mut client, 2).await;
    assert!(frames.iter().all(|frame| frame.opcode != Opcode::CLOSE), "{frames:?}");
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(client.receive_close().await, (1001, "idle timeout".to_owned()));
}

/// a Pong is a sign of life.
#[tokio::test]
async fn a_pong_keeps_a_connection_open() {
    let server = TestServer::with_manual_clock().await;
    let mut client = server.raw("alice").await;
    client.assert_alive().await;
    for _ in 0..5 {
        server.clock().advance(Duration::from_mins(1));
        client.send(&Frame::new(Opcode::PONG, "")).await;
        // The response to a request behind the Pong shows that the Pong was read.
        client.send(&Frame::new(Opcode::PING, "seen?")).await;
        while !matches!(client.receive().await, Received::Frame(frame) if frame.payload == b"seen?") {}
    }
    client.assert_alive().await;
}

/// A half-open connection is detected by the idle timeout.
#[tokio::test]
async fn a_half_open_connection_is_dropped() {
    let server = TestServer::with_manual_clock().await;
    let proxy = FaultProxy::start(server.address()).await;
    let mut client = RawClient::upgrade(proxy.address(), &Upgrade::offering(&["less-rpc-v1"])).await;
    client.authenticate(&server.token("alice")).await;
    client.assert_alive().await;
    proxy.link(0).await.fault_to_server(Fault::Swallow);
    server.clock().advance(Duration::from_secs(75));
    assert_eq!(client.receive_close().await, (1001, "idle timeout".to_owned()));
    // The close echo is lost too; the server stops waiting for it.
    server.clock().until_armed(Duration::from_secs(10)).await;
    server.clock().advance(Duration::from_secs(10));
    client.receive_end().await;
}

/// within an hour and a tenth, for every client.
#[tokio::test]
async fn a_connection_ends_after_its_lifetime() {
    let server = TestServer::with_manual_clock().await;
    let claims = server.issuer().claims("alice");
    let in_a_day = server.issuer().now().plus(Duration::from_hours(20));
    let mut client = server.raw_with_token(&server.issuer().mint(&claims.expires_at(in_a_day))).await;
    for _ in 0..54 {
        client.assert_alive().await;
        server.clock().advance(Duration::from_secs(59));
    }
    client.assert_alive().await;
    for _ in 0..15 {
        server.clock().advance(Duration::from_mins(1));
        client.send(&Frame::new(Opcode::PING, "seen?")).await;
        loop {
            match client.receive().await {
                Received::Frame(frame) if frame.opcode == Opcode::CLOSE => {
                    assert_eq!(&frame.payload[..2], 1001_u16.to_be_bytes());
                    assert_eq!(&frame.payload[2..], b"connection lifetime reached");
                    return;
                }
                Received::Frame(frame) if frame.payload == b"seen?" => break,
                Received::Frame(_) => {}
                Received::End => panic!("ended without a close frame"),
            }
        }
    }
    panic!("still open after 68 minutes");
}

/// an unread pull postpones the end by its grace period only.
#[tokio::test]
async fn a_stuck_pull_does_not_outlive_the_connection() {
    let server = TestServer::builder()
        .manual_clock()
        .limits(|limits| {
            limits.idle_timeout = Duration::ZERO;
            limits.write_timeout = Duration::from_hours(24);
        })
        .start()
        .await;
    let space = server.space("alice");
    let in_a_day = server.issuer().now().plus(Duration::from_hours(20));
    let mut client = server
        .raw_with_token(&server.issuer().mint(&server.issuer().claims("alice").expires_at(in_a_day)))
        .await;
    for index in 0..8 {
        client.push_ok(&space, &[create(index, vec![7; 4 * 1024 * 1024])]).await;
    }
    client.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    let Received::Frame(begun) = client.receive().await else { panic!("no pull") };
    assert_eq!(begun.opcode, Opcode::BINARY);
    server.clock().advance(Duration::from_mins(67));
    server.clock().until_armed(Duration::from_secs(10)).await;
    server.clock().advance(Duration::from_secs(10));
    assert_eq!(client.receive_close().await, (1001, "connection lifetime reached".to_owned()));
}
