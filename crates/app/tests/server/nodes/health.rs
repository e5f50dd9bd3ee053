//! Nodes as the operator sees them.

use std::time::Duration;

use less_sync_bus::{Faults, LocalHub};
use less_sync_test_support::{LogWatch, TestServer, create, within};
use serde_json::json;

use super::fixture::{Nodes, metric, reported};

#[tokio::test]
async fn readiness_names_the_transport_and_the_other_nodes() {
    let nodes = Nodes::over_postgres().await;
    let ready = nodes.one.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(reported(&ready.body), json!({ "status": "ok", "transport": "postgres", "others": 1 }));
    assert_eq!(metric(nodes.one.metrics(), "bus_nodes"), 1);
    let Nodes { one, other } = nodes;
    other.stop().await;
    let left = async { while reported(&one.get("/readyz").await.body)["others"] != 0 {} };
    within("the other node to be gone", left).await;
}

/// A server alone on its database sends nothing but its greetings.
#[tokio::test]
async fn single_node_sends_no_messages_about_pushes() {
    let hub = LocalHub::new();
    let bus = std::sync::Arc::new(less_sync_bus::LocalBus::new(&hub, 8192));
    let server = TestServer::builder().manual_clock().bus(bus).start().await;
    let mut client = server.raw("alice").await;
    let greeted = async {
        while hub.sent() == 0 {
            client.assert_alive().await;
        }
    };
    within("the greeting", greeted).await;
    let sent = hub.sent();
    for number in 0..20 {
        client.push_ok(&server.space("alice"), &[create(number, "x")]).await;
    }
    client.assert_alive().await;
    assert_eq!(hub.sent(), sent);
}

/// The server serves while the bus is down, says so once, and is ready.
#[tokio::test]
async fn server_without_its_bus_is_ready_and_degraded() {
    let hub = LocalHub::new();
    let nodes = Nodes::start(TestServer::builder().manual_clock(), Some((&hub, 8192))).await;
    let mut client = nodes.one.raw("alice").await;
    let logged = LogWatch::start("bus between nodes failed");
    hub.set_faults(Faults { is_down: true, ..Faults::default() });
    let degraded = async {
        loop {
            nodes.one.clock().advance(Duration::from_secs(1));
            let ready = nodes.one.get("/readyz").await;
            assert_eq!(ready.status, 200);
            if reported(&ready.body)["status"] == "degraded" {
                return;
            }
        }
    };
    within("the report of the failure", degraded).await;
    assert_eq!(metric(nodes.one.metrics(), "bus_up"), 0);
    client.push_ok(&nodes.one.space("alice"), &[create(1, "x")]).await;
    for _ in 0..10 {
        nodes.one.clock().advance(Duration::from_secs(1));
        client.assert_alive().await;
    }
    hub.set_faults(Faults::default());
    let back = async {
        while reported(&nodes.one.get("/readyz").await.body)["status"] != "ok" {
            nodes.one.clock().advance(Duration::from_secs(1));
        }
    };
    within("the bus to be used again", back).await;
    assert_eq!(logged.lines().len(), 2, "one of each node");
}

/// Keys that differ would count the limits of a user twice: the node that came last stops.
#[tokio::test]
async fn node_with_a_different_identity_key_stops() {
    let hub = LocalHub::new();
    let logged = LogWatch::start("different IDENTITY_HASH_KEY");
    let node = |key: &str| {
        let bus = std::sync::Arc::new(less_sync_bus::LocalBus::new(&hub, 8192));
        TestServer::builder().bus(bus).setting("IDENTITY_HASH_KEY", &key.repeat(32))
    };
    let one = node("1a").start().await;
    // Without the keys of its issuer it would not be ready, either.
    drop(one.raw("alice").await);
    let mut other = node("2b").start().await;
    let error = other.failed().await;
    assert!(error.contains("agreement with other nodes"), "{error}");
    assert_eq!(one.get("/readyz").await.status, 200);
    assert!(logged.lines().iter().any(|line| line.contains("this node stops")), "{:?}", logged.lines());
}

/// Limits that every node counts for itself are shared by those that live.
#[tokio::test]
async fn connections_of_a_user_are_shared_by_the_nodes() {
    let hub = LocalHub::new();
    let builder = TestServer::builder().limits(|limits| limits.max_connections_per_actor = 4);
    let nodes = Nodes::start(builder, Some((&hub, 8192))).await;
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        here.push(nodes.one.raw("alice").await);
        there.push(nodes.client_of_other("alice").await);
    }
    for client in here.iter_mut().chain(&mut there) {
        client.assert_alive().await;
    }
    for mut client in [nodes.one.raw("alice").await, nodes.client_of_other("alice").await] {
        assert_eq!(client.receive_close().await.0, 4003);
    }
    // The share of a node that has left is free for the others.
    drop(there);
    let Nodes { one, other } = nodes;
    other.stop().await;
    let alone = async { while reported(&one.get("/readyz").await.body)["others"] != 0 {} };
    within("the other node to be gone", alone).await;
    let mut third = one.raw("alice").await;
    third.assert_alive().await;
}
