//! Live events across nodes.

use less_sync_bus::LocalHub;
use less_sync_core::Permission;
use less_sync_test_support::{NatsServer, TestServer, bytes, create, delete, record_id, update};
use serde_json::{Value, json};

use super::fixture::{Nodes, SharedWatch, with_nats};
use crate::files::fixture::{Fixture, content};
use crate::operation::operator;
use crate::shared::log::fill;

fn sync(event: &Value) -> (i64, i64, Vec<Value>) {
    let number = |key: &str| event[key].as_i64().unwrap();
    (number("prev"), number("cursor"), event["records"].as_array().unwrap().clone())
}

/// Same events on both nodes, whichever is written to, over every transport.
#[tokio::test]
async fn watcher_on_another_node_gets_every_push_once_and_in_order() {
    let (hints, events, nats) = (LocalHub::new(), LocalHub::new(), NatsServer::start().await);
    for nodes in [
        Nodes::over_postgres().await,
        Nodes::over(&hints, 0).await,
        Nodes::over(&events, 8192).await,
        Nodes::over_nats(&nats).await,
    ] {
        let space = nodes.one.space("alice");
        let (mut here, mut there) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
        let (mut one, mut other) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
        one.subscribe(&space).await;
        other.subscribe(&space).await;
        for round in 0..40_u128 {
            let writer = if round % 2 == 0 { &mut here } else { &mut there };
            writer.push_ok(&space, &[create(round, format!("blob {round}"))]).await;
        }
        for watcher in [&mut one, &mut other] {
            let (mut at, mut seen) = (0, Vec::new());
            while at < 40 {
                let (prev, cursor, records) = sync(&watcher.receive_notification("sync").await);
                assert_eq!(prev, at, "contiguous");
                assert!(!records.is_empty(), "no pull hint");
                seen.extend(records.into_iter().map(|record| record["id"].clone()));
                at = cursor;
            }
            assert_eq!(seen, (0..40).map(|number| json!(record_id(number))).collect::<Vec<_>>());
        }
        one.assert_quiet().await;
        other.assert_quiet().await;
    }
}

/// Content, key and tombstone of records, as the watchers of the writing node get them.
#[tokio::test]
async fn events_have_the_same_content_on_both_nodes() {
    let (hub, nats) = (LocalHub::new(), NatsServer::start().await);
    for nodes in [Nodes::over_postgres().await, Nodes::over(&hub, 8192).await, Nodes::over_nats(&nats).await]
    {
        let space = nodes.one.space("alice");
        let mut writer = nodes.one.raw("alice").await;
        let (mut one, mut other) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
        one.subscribe(&space).await;
        other.subscribe(&space).await;
        let changes = [
            vec![create(1, "one"), create(2, "two")],
            vec![update(1, "one again", 1)],
            vec![delete(2, 1), create(3, vec![7; 20_000])],
        ];
        for change in &changes {
            writer.push_ok(&space, change).await;
            let (here, there) =
                (one.receive_notification("sync").await, other.receive_notification("sync").await);
            assert_eq!(here, there);
        }
    }
}

/// Files and their deletion with their records.
#[tokio::test]
async fn files_reach_watchers_on_another_node() {
    let nodes = Nodes::start(TestServer::builder().files(), None).await;
    let mut other = nodes.client_of_other("alice").await;
    let Nodes { one, other: _node } = nodes;
    let mut fixture = Fixture::on(one).await;
    let mut here = fixture.server.raw("alice").await;
    here.subscribe(&fixture.space).await;
    other.subscribe(&fixture.space).await;
    fixture.stored(&content(1000, 1)).await;
    let uploaded = other.receive_notification("file").await;
    assert_eq!(uploaded, here.receive_notification("file").await);
    assert_eq!(uploaded["files"][0]["size"], 1000);
    fixture.alice.push_ok(&fixture.space, &[delete(1, 1)]).await;
    for method in ["sync", "file"] {
        let deleted = other.receive_notification(method).await;
        assert_eq!(deleted, here.receive_notification(method).await);
    }
}

/// Entries of the membership log.
#[tokio::test]
async fn members_reach_watchers_on_another_node() {
    let nodes = Nodes::over_postgres().await;
    let SharedWatch { space, mut owner, member: mut other, .. } =
        SharedWatch::begin(&nodes, Permission::Read).await;
    fill(&mut owner, &space, &["entry", "another"]).await;
    for (seq, payload) in [(1, "entry"), (2, "another")] {
        let entries = other.receive_notification("membership").await["entries"].clone();
        assert_eq!((&entries[0]["chain_seq"], &entries[0]["payload"]), (&json!(seq), &bytes(payload)));
    }
}

/// Revocation on one node, subscription on the other.
#[tokio::test]
async fn revocation_ends_subscriptions_on_another_node() {
    let (hub, nats) = (LocalHub::new(), NatsServer::start().await);
    for nodes in [Nodes::over_postgres().await, Nodes::over(&hub, 8192).await, Nodes::over_nats(&nats).await]
    {
        let SharedWatch { space, mut owner, member: mut gone, ucan } =
            SharedWatch::begin(&nodes, Permission::Write).await;
        space.revoke(&mut owner, &ucan).await;
        let notice = gone.receive_notification("revoked").await;
        assert_eq!(notice, json!({ "space": space.text(), "reason": "ucan_revoked" }));
        owner.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
        gone.assert_quiet().await;
    }
}

/// Protocol §4.11: the notice reaches the owner of the mailbox on any node.
#[tokio::test]
async fn invitation_is_noticed_on_another_node() {
    let nodes = Nodes::over_postgres().await;
    let mailbox = "b".repeat(64);
    let claims = nodes.one.issuer().claims("bob").mailbox(&mailbox);
    let mut bob = nodes.other.raw_with_token(&nodes.one.issuer().mint(&claims)).await;
    let mut alice = nodes.one.raw("alice").await;
    let sent = alice.call("invitation.create", &json!({ "mailbox_id": mailbox, "payload": "jwe" })).await;
    assert!(sent["result"]["id"].is_string(), "{sent}");
    bob.receive_notification("invitation").await;
}

/// A change that was committed between the reading of the state and the confirmation is not lost.
#[tokio::test]
async fn subscriptions_during_pushes_on_another_node_miss_nothing() {
    let (hub, nats) = (LocalHub::new(), NatsServer::start().await);
    for nodes in [Nodes::over(&hub, 0).await, Nodes::over_nats(&nats).await] {
        let space = nodes.one.space("alice");
        let mut writer = nodes.one.raw("alice").await;
        for round in 0..30_u128 {
            let mut watcher = nodes.client_of_other("alice").await;
            let request = json!({ "spaces": [{ "id": space, "since": 0 }] });
            let id = watcher.request("subscribe", &request).await;
            let pushed = writer.push_ok(&space, &[create(round, "x")]).await;
            let response = watcher.receive_rpc().await;
            assert_eq!(response["id"], json!(id), "{response}");
            let mut at = response["result"]["spaces"][0]["cursor"].as_i64().unwrap();
            while at < pushed {
                at = watcher.receive_notification("sync").await["cursor"].as_i64().unwrap();
            }
        }
    }
}

/// Disconnection by the operator of one node, connections of the user on both.
#[tokio::test]
async fn user_is_disconnected_on_all_nodes() {
    let nats = NatsServer::start().await;
    let admin = || TestServer::builder().setting("ADMIN_ADDR", "127.0.0.1:0");
    let over_nats = with_nats(admin(), &nats.url());
    for nodes in [Nodes::start(admin(), None).await, Nodes::start(over_nats, None).await] {
        let (mut here, mut there) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
        let mut bob = nodes.client_of_other("bob").await;
        for client in [&mut here, &mut there, &mut bob] {
            client.assert_alive().await;
        }
        let listed = operator::get(&nodes.one, "/admin/connections").await;
        let hash = listed["connections"][0]["actor"].as_str().unwrap();
        let target = format!("/admin/connections?actor={hash}");
        assert_eq!(operator::ask(&nodes.one, "DELETE", &target).await.status, 200);
        for client in [&mut here, &mut there] {
            assert_eq!(client.receive_close().await, (1001, "closed by the operator".to_owned()));
        }
        bob.assert_alive().await;
    }
}
