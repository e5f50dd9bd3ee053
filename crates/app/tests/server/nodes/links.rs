//! Links of several nodes to another server (decision 0046).

use less_sync_core::Permission;
use less_sync_test_support::{Cluster, Member, RawClient, SharedSpace, TestServerBuilder, create};
use serde_json::json;

/// Connection of a member of `space`, subscribed by way of its own server.
async fn watch(mut client: RawClient, space: &SharedSpace<'_>, member: &Member, home: &str) -> RawClient {
    let ucan = space.invite(member, Permission::Admin);
    let entry = json!({ "id": space.text(), "since": 0, "ucan": ucan, "home_server": home });
    let response = client.call("subscribe", &json!({ "spaces": [entry] })).await;
    assert_eq!(response["result"]["spaces"][0]["id"], space.text(), "{response}");
    client
}

/// Waits for the events of `cursors`, each of which continues the one before.
async fn follow(watcher: &mut RawClient, cursors: std::ops::RangeInclusive<i64>) {
    for cursor in cursors {
        let event = watcher.receive_notification("sync").await;
        assert_eq!((&event["prev"], &event["cursor"]), (&json!(cursor - 1), &json!(cursor)), "{event}");
    }
}

/// Links and subscriptions belong to their node: watchers of all nodes get each event once and in order, the home counts the space
/// once, and the end of one node does not affect the other.
#[tokio::test]
async fn nodes_of_a_deployment_have_links_of_their_own() {
    let stores = |server: usize, builder: TestServerBuilder| {
        let builder = builder.setting("FEDERATION_FST_SECRET", "01234567890123456789012345678901");
        if server == 0 { builder.embedded() } else { builder.postgres() }
    };
    let cluster = Cluster::start_with(2, stores).await;
    let (home, one, name) = (cluster.server(0), cluster.server(1), cluster.name(0));
    let other = one.another_node(None).await;
    let space = SharedSpace::create(home).await;
    let mut owner = space.owner_client().await;
    let (bob, carol) = (Member::random(), Member::random());
    let mut here = watch(one.raw_as("bob", &bob).await, &space, &bob, &name).await;
    let client = other.raw_with_token(&one.token_as("carol", &carol)).await;
    let mut there = watch(client, &space, &carol, &name).await;
    for number in 1..=20 {
        owner.push_with(&space.text(), space.root(), &[create(number, "x")]).await;
    }
    follow(&mut here, 1..=20).await;
    follow(&mut there, 1..=20).await;
    let metrics = home.metrics().render();
    let shows = |sample: &str| metrics.lines().any(|line| line == sample);
    assert!(shows("federation_peers_active{direction=\"inbound\"} 2"), "{metrics}");
    let peer = cluster.name(1);
    assert!(shows(&format!("federation_spaces_replicated{{peer=\"{peer}\",role=\"home\"}} 1")), "{metrics}");
    drop((there, other));
    for number in 21..=30 {
        owner.push_with(&space.text(), space.root(), &[create(number, "x")]).await;
    }
    follow(&mut here, 21..=30).await;
    here.assert_quiet().await;
}
