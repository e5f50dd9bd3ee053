//! Presence and ephemeral events across servers (federation §15).

use std::time::Duration;

use less_sync_test_support::{Cluster, FaultProxy, RawClient, SharedSpace, TestServer, bytes, create};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};
use super::watcher::{SECRET, Watcher, push};

/// Server 0 is the home; a server shares presence if its setting is true.
async fn cluster(shares: &[bool]) -> Cluster {
    let presence = |server: usize| if shares[server] { "true" } else { "false" };
    Cluster::start_with(shares.len(), |server, builder| {
        let builder = builder.embedded().setting("FEDERATION_FST_SECRET", SECRET);
        builder.setting("FEDERATION_PRESENCE", presence(server))
    })
    .await
}

/// Subscribed member at the home.
async fn at_home(space: &SharedSpace<'_>) -> RawClient {
    let mut client = space.owner_client().await;
    client.subscribe_with(&space.text(), space.root()).await;
    client
}

async fn set(client: &mut RawClient, space: &SharedSpace<'_>, data: &str) {
    client.notify("presence.set", &json!({ "space": space.text(), "data": bytes(data) })).await;
}

/// Peer of the next `presence`, which is that of `data`.
async fn present(client: &mut RawClient, data: &str) -> Value {
    let params = client.receive_notification("presence").await;
    assert_eq!(params["data"], bytes(data), "{params}");
    params["peer"].clone()
}

async fn left(client: &mut RawClient, peer: &Value) {
    assert_eq!(client.receive_notification("presence.leave").await["peer"], *peer);
}

/// All members see each other once, each by one pseudonym; only the own server knows the pseudonym that
/// neighbours see.
#[tokio::test]
async fn presence_and_events_cross_servers() {
    let cluster = cluster(&[true; 3]).await;
    let space = SharedSpace::create(cluster.server(0)).await;
    let name = cluster.name(0);
    let mut alice = at_home(&space).await;
    let mut bob = Watcher::watching(cluster.server(1), "bob", &space, &name).await;
    let mut carol = Watcher::watching(cluster.server(1), "carol", &space, &name).await;
    let mut dave = Watcher::watching(cluster.server(2), "dave", &space, &name).await;

    set(&mut alice, &space, "alice").await;
    let of_alice = present(&mut bob.client, "alice").await;
    assert_eq!(present(&mut carol.client, "alice").await, of_alice);
    assert_eq!(present(&mut dave.client, "alice").await, of_alice);

    set(&mut bob.client, &space, "bob").await;
    let (near, far) = (present(&mut carol.client, "bob").await, present(&mut alice, "bob").await);
    assert_eq!(present(&mut dave.client, "bob").await, far, "as the home says");
    assert_ne!(near, far, "a pseudonym of each server");
    assert_eq!(far.as_str().unwrap().len(), 32);

    let event = json!({ "space": space.text(), "data": bytes("typing") });
    bob.client.notify("event.send", &event).await;
    for (client, peer) in [(&mut carol.client, &near), (&mut alice, &far), (&mut dave.client, &far)] {
        let params = client.receive_notification("event").await;
        assert_eq!(params, json!({ "space": space.text(), "peer": peer, "data": bytes("typing") }));
    }

    // The response to a later subscriber lists the others.
    let mut erin = Watcher::connect(cluster.server(2), "erin", &space).await;
    let entry = json!({ "id": space.text(), "since": 0, "ucan": erin.ucan, "presence": true });
    let listed = erin.client.call("subscribe", &json!({ "spaces": [entry] })).await;
    let peers = listed["result"]["spaces"][0]["peers"].as_array().unwrap();
    let is_listed = |peer: &Value, data: &str| peers.contains(&json!({ "peer": peer, "data": bytes(data) }));
    assert!(peers.len() == 2 && is_listed(&of_alice, "alice") && is_listed(&far, "bob"), "{listed}");

    // A heartbeat stays here, a change does not.
    set(&mut bob.client, &space, "bob").await;
    assert_eq!(present(&mut carol.client, "bob").await, near);
    set(&mut bob.client, &space, "away").await;
    assert_eq!(present(&mut alice, "away").await, far);
    assert_eq!(present(&mut dave.client, "away").await, far);

    bob.client.vanish();
    left(&mut carol.client, &near).await;
    left(&mut alice, &far).await;
    left(&mut dave.client, &far).await;
    // No server gets the presence of its own clients back.
    set(&mut carol.client, &space, "carol").await;
    present(&mut alice, "carol").await;
    push(&mut alice, &space, 1).await;
    assert_eq!(carol.client.receive_rpc().await["method"], "sync");
    carol.client.assert_quiet().await;
}

/// Off unless both servers have it on; neighbours see each other all the same.
#[tokio::test]
async fn presence_stays_here_unless_both_servers_share_it() {
    for shares in [[true, false], [false, true], [false, false]] {
        let cluster = cluster(&shares).await;
        let space = SharedSpace::create(cluster.server(0)).await;
        let mut alice = at_home(&space).await;
        let mut bob = Watcher::watching(cluster.server(1), "bob", &space, &cluster.name(0)).await;
        let mut carol = Watcher::watching(cluster.server(1), "carol", &space, &cluster.name(0)).await;
        set(&mut alice, &space, "alice").await;
        set(&mut bob.client, &space, "bob").await;
        present(&mut carol.client, "bob").await;
        // A push follows on the same links.
        push(&mut alice, &space, 1).await;
        assert_eq!(bob.client.receive_rpc().await["method"], "sync", "{shares:?}");
        assert_eq!(bob.push(&space, &[create(2, "x")]).await["ok"], true);
        assert_eq!(alice.receive_rpc().await["method"], "sync", "{shares:?}");
    }
}

/// The loss of the link ends the presence on both sides, and the next link brings it back without the clients.
#[tokio::test]
async fn presence_ends_with_the_link_and_comes_back_with_the_next() {
    let cluster = cluster(&[true; 2]).await;
    let proxy = FaultProxy::start(cluster.server(0).address()).await;
    cluster.detour(1, 0, proxy.address());
    let space = SharedSpace::create(cluster.server(0)).await;
    let mut alice = at_home(&space).await;
    let mut bob = Watcher::watching(cluster.server(1), "bob", &space, &cluster.name(0)).await;
    set(&mut alice, &space, "alice").await;
    let of_alice = present(&mut bob.client, "alice").await;
    set(&mut bob.client, &space, "bob").await;
    let of_bob = present(&mut alice, "bob").await;
    drop(proxy);
    left(&mut bob.client, &of_alice).await;
    left(&mut alice, &of_bob).await;
    cluster.detour(1, 0, cluster.server(0).address());
    assert_eq!(present(&mut alice, "bob").await, of_bob);
    assert_eq!(present(&mut bob.client, "alice").await, of_alice);
}

/// Link of a peer with these features.
async fn link(peer: &Peer, server: &TestServer, features: &[&str]) -> RawClient {
    let mut link = peer.dial(server).await;
    let mut hello = peer.hello();
    hello["features"] = json!(features);
    assert!(link.call("fed.hello", &hello).await["error"].is_null());
    link
}

/// INV-11: claims of a server about its clients are bounded, and needs the feature and a subscription.
#[tokio::test]
async fn presence_of_a_server_is_bounded() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).setting("FEDERATION_PRESENCE", "true").start().await;
    let space = SharedSpace::create(&server).await;
    let other = SharedSpace::create(&server).await;
    let mut alice = at_home(&space).await;
    let entry = json!({ "id": space.text(), "since": 0, "ucan": space.root(), "presence": true });
    let mut plain = link(&peer, &server, &[]).await;
    assert!(plain.call("subscribe", &json!({ "spaces": [entry] })).await["error"].is_null());
    let mut sharing = link(&peer, &server, &["presence"]).await;
    assert!(sharing.call("subscribe", &json!({ "spaces": [entry] })).await["error"].is_null());
    let claim = |space: &SharedSpace<'_>, peer: &str, length: usize| json!({ "space": space.text(), "peer": peer, "data": bytes(vec![7; length]) });
    let good = "0123456789abcdef0123456789abcdef";
    plain.notify("presence.set", &claim(&space, good, 1)).await;
    plain.assert_alive().await;
    let ignored = [
        claim(&space, good, 1025),
        claim(&space, "0123456789ABCDEF0123456789abcdef", 1),
        claim(&space, "x", 1),
        claim(&other, good, 1),
        json!({ "space": space.text(), "data": bytes("x") }),
    ];
    for params in &ignored {
        sharing.notify("presence.set", params).await;
        sharing
            .notify("event.send", &json!({ "space": params["space"], "peer": "x", "data": bytes("e") }))
            .await;
    }
    sharing.notify("event.send", &claim(&space, good, 4097)).await;
    sharing.assert_alive().await;
    alice.assert_quiet().await;
    // A hundred entries, and no more. The rate is that of notifications.
    for index in 0..105_u32 {
        server.clock().advance(Duration::from_millis(100));
        sharing.notify("presence.set", &claim(&space, &format!("{index:032x}"), 1)).await;
        sharing.assert_alive().await;
    }
    let shown = alice.pending_notifications().await;
    assert_eq!(shown.len(), 100);
    // The bound of servers is not that of the own clients.
    let mut bob = at_home(&space).await;
    set(&mut bob, &space, "bob").await;
    let of_bob = present(&mut alice, "bob").await;
    assert_eq!(present(&mut sharing, "bob").await, of_bob);
    plain.assert_quiet().await;
    sharing.vanish();
    for _ in 0..100 {
        alice.receive_notification("presence.leave").await;
    }
    alice.assert_quiet().await;
}
