//! Presence and ephemeral events (protocol §4.19).

use std::time::Duration;

use less_sync_test_support::{RawClient, TestServer, bytes};
use serde_json::{Value, json};

async fn watchers<const N: usize>(server: &TestServer) -> [RawClient; N] {
    let mut clients = Vec::new();
    for _ in 0..N {
        let mut client = server.raw("alice").await;
        client.subscribe(&server.space("alice")).await;
        clients.push(client);
    }
    clients.try_into().unwrap()
}

async fn set(client: &mut RawClient, space: &str, data: &[u8]) {
    client.notify("presence.set", &json!({ "space": space, "data": bytes(data) })).await;
}

async fn peers(client: &mut RawClient, space: &str) -> Value {
    let params = json!({ "spaces": [{ "id": space, "since": 0, "presence": true }] });
    client.call("subscribe", &params).await["result"]["spaces"][0]["peers"].clone()
}

/// P-211, P-212, P-218, P-263: set, again, clear; one pseudonym for all of it.
#[tokio::test]
async fn presence_reaches_the_others_under_one_pseudonym() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, mut other] = watchers(&server).await;
    set(&mut one, &space, b"here").await;
    let first = other.receive_notification("presence").await;
    let peer = first["peer"].as_str().unwrap().to_owned();
    assert_eq!(first, json!({ "space": space, "peer": peer, "data": bytes("here") }));
    assert!(peer.len() == 32 && peer.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{peer}");
    set(&mut one, &space, b"").await;
    let again = other.receive_notification("presence").await;
    assert_eq!(again, json!({ "space": space, "peer": peer, "data": bytes("") }));
    one.notify("presence.clear", &json!({ "space": space })).await;
    assert_eq!(other.receive_notification("presence.leave").await, json!({ "space": space, "peer": peer }));
    one.notify("presence.clear", &json!({ "space": space })).await;
    one.assert_quiet().await;
    other.assert_quiet().await;
}

/// P-210, P-217
#[tokio::test]
async fn a_subscriber_may_list_presence() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, mut other] = watchers(&server).await;
    assert_eq!(peers(&mut one, &space).await, Value::Null);
    set(&mut one, &space, b"one").await;
    let peer = other.receive_notification("presence").await["peer"].clone();
    assert_eq!(peers(&mut other, &space).await, json!([{ "peer": peer, "data": bytes("one") }]));
    assert_eq!(peers(&mut one, &space).await, Value::Null);
}

/// P-213, P-219, P-220
#[tokio::test]
async fn disconnect_clears_presence() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, two, mut other] = watchers(&server).await;
    set(&mut one, &space, b"one").await;
    let peer = other.receive_notification("presence").await["peer"].clone();
    two.vanish();
    one.vanish();
    assert_eq!(other.receive_notification("presence.leave").await, json!({ "space": space, "peer": peer }));
    other.assert_quiet().await;
    assert_eq!(peers(&mut other, &space).await, Value::Null);
}

/// P-214, P-216
#[tokio::test]
async fn oversized_data_is_ignored() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, mut other] = watchers(&server).await;
    set(&mut one, &space, &[0; 1025]).await;
    one.notify("event.send", &json!({ "space": space, "data": bytes([0; 4097]) })).await;
    one.assert_alive().await;
    other.assert_quiet().await;
    set(&mut one, &space, &[1; 1024]).await;
    one.notify("event.send", &json!({ "space": space, "data": bytes([2; 4096]) })).await;
    assert_eq!(other.receive_notification("presence").await["data"], bytes([1; 1024]));
    assert_eq!(other.receive_notification("event").await["data"], bytes([2; 4096]));
}

/// P-215, P-264: delivered to the watchers of the space, and in no other.
#[tokio::test]
async fn events_reach_other_subscribers_and_are_not_stored() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, mut other] = watchers(&server).await;
    let mut elsewhere = server.raw("bob").await;
    elsewhere.subscribe(&server.space("bob")).await;
    one.notify("event.send", &json!({ "space": space, "data": bytes("wave") })).await;
    let event = other.receive_notification("event").await;
    assert_eq!(event, json!({ "space": space, "peer": event["peer"], "data": bytes("wave") }));
    one.assert_quiet().await;
    elsewhere.assert_quiet().await;
    let [mut late] = watchers(&server).await;
    late.assert_quiet().await;
}

/// A connection has the same pseudonym in a space for presence and events, and a new one after a reconnect.
#[tokio::test]
async fn pseudonyms_are_those_of_a_connection() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, mut other] = watchers(&server).await;
    set(&mut one, &space, b"").await;
    let before = other.receive_notification("presence").await["peer"].clone();
    one.notify("event.send", &json!({ "space": space, "data": bytes("") })).await;
    assert_eq!(other.receive_notification("event").await["peer"], before);
    one.vanish();
    other.receive_notification("presence.leave").await;
    let [mut back] = watchers(&server).await;
    set(&mut back, &space, b"").await;
    assert_ne!(other.receive_notification("presence").await["peer"], before);
}

/// Without a live subscription the notification is ignored.
#[tokio::test]
async fn only_subscribers_take_part() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut watcher] = watchers(&server).await;
    let mut outsider = server.raw("alice").await;
    let mut foreigner = server.raw("bob").await;
    for client in [&mut outsider, &mut foreigner] {
        set(client, &space, b"hello").await;
        client.notify("event.send", &json!({ "space": space, "data": bytes("hello") })).await;
        client.notify("presence.clear", &json!({ "space": space })).await;
        client.assert_alive().await;
    }
    watcher.assert_quiet().await;
}

/// P-221
#[tokio::test]
async fn a_space_holds_a_bounded_number_of_entries() {
    let server = TestServer::with_limits(|limits| limits.presence_per_space = 2).await;
    let space = server.space("alice");
    let [mut one, mut two, mut three, mut observer] = watchers(&server).await;
    set(&mut one, &space, b"1").await;
    observer.receive_notification("presence").await;
    set(&mut two, &space, b"2").await;
    observer.receive_notification("presence").await;
    set(&mut three, &space, b"3").await;
    three.assert_alive().await;
    observer.assert_quiet().await;
    set(&mut one, &space, b"1 again").await;
    assert_eq!(observer.receive_notification("presence").await["data"], bytes("1 again"));
    one.notify("presence.clear", &json!({ "space": space })).await;
    observer.receive_notification("presence.leave").await;
    set(&mut three, &space, b"3 now").await;
    assert_eq!(observer.receive_notification("presence").await["data"], bytes("3 now"));
}

/// X-15, P-222: an entry that is not renewed expires between 45 and 60 seconds after it was set.
#[tokio::test]
async fn a_stale_entry_expires() {
    let server = TestServer::with_manual_clock().await;
    let space = server.space("alice");
    let [mut one, mut observer] = watchers(&server).await;
    set(&mut one, &space, b"here").await;
    let peer = observer.receive_notification("presence").await["peer"].clone();
    for _ in 0..4 {
        server.clock().advance(Duration::from_secs(11));
        one.assert_alive().await;
        observer.assert_quiet().await;
    }
    let mut age = 44;
    let leave = loop {
        age += 4;
        assert!(age <= 64, "still there after {age} s");
        server.clock().advance(Duration::from_secs(4));
        one.assert_alive().await;
        if let Some(leave) = observer.pending_notifications().await.pop() {
            break leave;
        }
    };
    assert_eq!(leave["method"], "presence.leave");
    assert_eq!(leave["params"], json!({ "space": space, "peer": peer }));
}
