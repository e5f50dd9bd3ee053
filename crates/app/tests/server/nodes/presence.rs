//! Presence and ephemeral events across nodes (protocol §4.19).

use std::time::Duration;

use less_sync_bus::LocalHub;
use less_sync_test_support::{NatsServer, RawClient, TestServer, bytes, within};
use serde_json::{Value, json};

use super::fixture::Nodes;

async fn set(client: &mut RawClient, space: &str, data: &str) {
    client.notify("presence.set", &json!({ "space": space, "data": bytes(data) })).await;
}

async fn peers(client: &mut RawClient, space: &str) -> Value {
    let params = json!({ "spaces": [{ "id": space, "since": 0, "presence": true }] });
    client.call("subscribe", &params).await["result"]["spaces"][0]["peers"].clone()
}

#[tokio::test]
async fn presence_and_events_reach_watchers_on_another_node_under_one_pseudonym() {
    let (hub, nats) = (LocalHub::new(), NatsServer::start().await);
    for nodes in [Nodes::over_postgres().await, Nodes::over(&hub, 8192).await, Nodes::over_nats(&nats).await]
    {
        let space = nodes.one.space("alice");
        let (mut one, mut other) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
        one.subscribe(&space).await;
        other.subscribe(&space).await;
        set(&mut one, &space, "here").await;
        let present = other.receive_notification("presence").await;
        let peer = present["peer"].as_str().unwrap().to_owned();
        assert_eq!(present, json!({ "space": space, "peer": peer, "data": bytes("here") }));
        one.notify("event.send", &json!({ "space": space, "data": bytes("psst") })).await;
        let event = other.receive_notification("event").await;
        assert_eq!(event, json!({ "space": space, "peer": peer, "data": bytes("psst") }));
        assert_eq!(peers(&mut other, &space).await, json!([{ "peer": peer, "data": bytes("here") }]));
        assert_eq!(peers(&mut one, &space).await, Value::Null, "not to itself");
        // Events of the other direction.
        other.notify("event.send", &json!({ "space": space, "data": bytes("pst") })).await;
        assert_eq!(one.receive_notification("event").await["data"], bytes("pst"));
        one.vanish();
        let left = other.receive_notification("presence.leave").await;
        assert_eq!(left, json!({ "space": space, "peer": peer }));
    }
}

/// The first watcher on a node learns of the presence that was set before.
#[tokio::test]
async fn first_watcher_of_a_node_learns_who_is_present_elsewhere() {
    let nodes = Nodes::over_postgres().await;
    let space = nodes.one.space("alice");
    let mut one = nodes.one.raw("alice").await;
    one.subscribe(&space).await;
    set(&mut one, &space, "here").await;
    one.assert_alive().await;
    let mut other = nodes.client_of_other("alice").await;
    other.subscribe(&space).await;
    assert_eq!(other.receive_notification("presence").await["data"], bytes("here"));
}

/// A node that dies leaves no presence behind for longer than its age allows.
#[tokio::test]
async fn presence_of_a_dead_node_expires() {
    let hub = LocalHub::new();
    let nodes = Nodes::start(TestServer::builder().manual_clock(), Some((&hub, 8192))).await;
    let space = nodes.one.space("alice");
    let (mut one, mut other) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
    one.subscribe(&space).await;
    other.subscribe(&space).await;
    set(&mut other, &space, "here").await;
    let peer = one.receive_notification("presence").await["peer"].clone();
    let clock = nodes.one.clock().clone();
    let Nodes { one: _server, other: node } = nodes;
    drop((node, other));
    let expired = async {
        loop {
            clock.advance(Duration::from_secs(5));
            let left = one.pending_notifications().await;
            if let Some(left) = left.iter().find(|event| event["method"] == "presence.leave") {
                return left["params"].clone();
            }
        }
    };
    assert_eq!(within("the presence to expire", expired).await, json!({ "space": space, "peer": peer }));
}
