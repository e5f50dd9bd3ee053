//! Clients that do not read, or flood (protocol §1.6, §1.8, §1.10).

use std::time::Duration;

use less_sync_test_support::{
    Fault, FaultProxy, Frame, Opcode, RawClient, Received, TestServer, Upgrade, bytes, create, encode,
};
use serde_json::json;

use crate::operation::operator::get;

const BLOB: usize = 64 * 1024;

/// P-226, D-19: a slow consumer is closed with its own code; other connections are unaffected.
#[tokio::test]
async fn a_watcher_that_does_not_read_is_closed_with_slow_consumer() {
    // The time for which the close frame may be read does not pass, however slow the machine is.
    let server = TestServer::builder().manual_clock().setting("ADMIN_ADDR", "127.0.0.1:0").start().await;
    let space = server.space("alice");
    let [mut writer, mut deaf, mut reader] =
        [server.raw("alice").await, server.raw("alice").await, server.raw("alice").await];
    deaf.subscribe(&space).await;
    reader.subscribe(&space).await;
    for push in 1..=400_i64 {
        writer.push_ok(&space, &[create(u128::try_from(push).unwrap(), vec![7; BLOB])]).await;
        assert_eq!(reader.receive_notification("sync").await["cursor"], push);
    }
    assert_eq!(deaf.receive_close().await, (4006, "slow consumer".to_owned()));
    // The client resumes at its cursor.
    let mut back = server.raw("alice").await;
    assert_eq!(back.subscribe(&space).await["cursor"], 400);
    let listed = get(&server, "/admin/slow-consumers").await;
    let closed = listed["closed"].as_array().unwrap();
    assert_eq!((closed.len(), &closed[0]["subscriptions"]), (1, &json!(1)));
    assert!(closed[0]["bytes_out"].as_u64().unwrap() > 0 && closed[0]["actor"].is_string(), "{listed}");
}

/// Ephemeral events are dropped, not a reason to close.
#[tokio::test]
async fn a_watcher_that_does_not_read_misses_ephemeral_events_only() {
    let server = TestServer::with_limits(|limits| {
        limits.ephemeral_rate = 1_000_000;
        limits.ephemeral_burst = 1_000_000;
        limits.inbound_rate = 1_000_000;
        limits.inbound_burst = 1_000_000;
    })
    .await;
    let space = server.space("alice");
    let [mut sender, mut deaf] = [server.raw("alice").await, server.raw("alice").await];
    deaf.subscribe(&space).await;
    sender.subscribe(&space).await;
    for _ in 0..5_000 {
        sender.notify("event.send", &json!({ "space": space, "data": bytes([0; 4096]) })).await;
    }
    sender.push_ok(&space, &[create(1, "durable")]).await;
    assert_eq!(deaf.receive_notification("sync").await["cursor"], 1);
    deaf.assert_alive().await;
}

/// protocol §1.6: a message that is not written within 30 seconds ends the connection, without a close frame.
#[tokio::test]
async fn a_stalled_write_is_dropped() {
    let server = TestServer::with_manual_clock().await;
    let space = server.space("alice");
    let proxy = FaultProxy::start(server.address()).await;
    let mut observer = server.raw("alice").await;
    observer.subscribe(&space).await;
    for index in 0..8 {
        observer.push_ok(&space, &[create(index, vec![7; 4 * 1024 * 1024])]).await;
    }
    let mut stalled = RawClient::upgrade(proxy.address(), &Upgrade::offering(&["less-rpc-v1"])).await;
    stalled.authenticate(&server.token("alice")).await;
    stalled.subscribe(&space).await;
    let link = proxy.link(0).await;
    link.fault_to_client(Fault::Stall);
    stalled.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    // The client keeps sending, so that only the write timeout can end it; its presence is cleared.
    let presence = encode(&json!({
        "type": 2, "method": "presence.set", "params": { "space": space, "data": bytes("still here") },
    }));
    let mut steps = 0;
    while !observer.pending_notifications().await.iter().any(|event| event["method"] == "presence.leave") {
        steps += 1;
        assert!(steps < 100, "a stalled connection lives on");
        let taken = stalled.try_send_raw(&Frame::new(Opcode::BINARY, presence.clone()).to_bytes()).await;
        server.clock().advance(if taken { Duration::from_secs(10) } else { Duration::ZERO });
    }
    link.fault_to_client(Fault::None);
    // Written bytes arrive; then the stream ends in the middle of a frame, without a close frame.
    while let Received::Frame(frame) = stalled.receive().await {
        assert_ne!(frame.opcode, Opcode::CLOSE, "{frame:?}");
    }
}

/// protocol §1.10: a sustained excess of the message rate.
#[tokio::test]
async fn a_flood_of_ephemeral_frames_is_limited() {
    // The clock stands still, so that nothing is added to the burst.
    let server =
        TestServer::builder().limits(|limits| limits.ephemeral_burst = 10).manual_clock().start().await;
    let space = server.space("alice");
    let [mut sender, mut watcher] = [server.raw("alice").await, server.raw("alice").await];
    sender.subscribe(&space).await;
    watcher.subscribe(&space).await;
    for _ in 0..500 {
        sender.notify("event.send", &json!({ "space": space, "data": bytes("x") })).await;
    }
    sender.assert_alive().await;
    sender.push_ok(&space, &[create(1, "end")]).await;
    let mut received = 0;
    while watcher.receive_rpc().await["method"] == "event" {
        received += 1;
    }
    assert_eq!(received, 10, "of 500 events");
}
