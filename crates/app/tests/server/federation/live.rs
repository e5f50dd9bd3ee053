//! Live events of spaces that another server holds (federation §12.4–§12.6).

use less_sync_test_support::{FaultProxy, SharedSpace, bytes, create, update, within};
use serde_json::json;

use super::watcher::{Watcher, cluster, push, shows};
use crate::shared::log::hashed;

/// T-104, T-112, T-517, C26, federation P-3: subscribers at another server get every event in order, over one subscription at the home; the
/// response has the state of the home and no token.
#[tokio::test]
async fn t_104_events_of_the_home_reach_members_elsewhere() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let mut owner = space.owner_client().await;
    push(&mut owner, &space, 1).await;
    let mut bob = Watcher::connect(federated, "bob", &space).await;
    let state = bob.subscribe(&space, 0, &cluster.name(0)).await;
    let expected = json!({ "id": space.text(), "cursor": 1, "key_generation": 1, "epoch": 1 });
    assert_eq!(state, json!({ "spaces": [expected] }));
    let mut carol = Watcher::watching(federated, "carol", &space, &cluster.name(0)).await;
    for index in 2..52 {
        push(&mut owner, &space, index).await;
    }
    let expected: Vec<_> = (1..51).map(|prev| (prev, prev + 1)).collect();
    assert_eq!(bob.syncs(50).await, expected);
    assert_eq!(carol.syncs(50).await, expected);
    let peer = cluster.name(1);
    assert!(shows(home, &format!("federation_spaces_replicated{{peer=\"{peer}\",role=\"home\"}} 1")));
    let subscribed = format!("federation_interests{{peer=\"{}\",state=\"subscribed\"}} 1", cluster.name(0));
    assert!(shows(federated, &subscribed), "{}", federated.metrics().render());
}

/// T-105, C27, G5, INV-2: pushes through this server reach its other subscribers, in order with those at the home and each once,
/// but not the connection that pushed.
#[tokio::test]
async fn t_105_forwarded_push_reaches_the_neighbours() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let name = cluster.name(0);
    let mut owner = space.owner_client().await;
    let mut alice = space.owner_client().await;
    alice.subscribe_with(&space.text(), space.root()).await;
    let mut bob = Watcher::watching(federated, "bob", &space, &name).await;
    let mut carol = Watcher::watching(federated, "carol", &space, &name).await;
    let mut dave = Watcher::watching(federated, "dave", &space, &name).await;
    for round in 0..10 {
        assert_eq!(bob.push(&space, &[create(100 + round, "b")]).await["ok"], true);
        push(&mut owner, &space, 200 + round).await;
        assert_eq!(carol.push(&space, &[create(300 + round, "c")]).await["ok"], true);
    }
    let expected: Vec<_> = (0..30).map(|prev| (prev, prev + 1)).collect();
    assert_eq!(dave.syncs(30).await, expected);
    for prev in 0..30 {
        assert_eq!(alice.receive_notification("sync").await["prev"], prev, "at the home");
    }
    bob.client.pending_notifications().await;
    let changed = bob.push(&space, &[update(100, "d", 1)]).await;
    assert_eq!(changed["cursor"], 31, "{changed}");
    let event = dave.client.receive_notification("sync").await;
    assert_eq!(event["records"][0]["blob"], bytes("d"), "{event}");
    bob.client.assert_quiet().await;
}

/// Federation §12.4: log entries and revocations through this server reach its other subscribers.
#[tokio::test]
async fn forwarded_membership_reaches_the_neighbours() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let name = cluster.name(0);
    let mut bob = Watcher::watching(federated, "bob", &space, &name).await;
    let mut carol = Watcher::watching(federated, "carol", &space, &name).await;
    let (hash, payload) = hashed("entry");
    let params = json!({
        "space": space.text(), "ucan": bob.ucan, "expected_version": 0, "entry_hash": hash, "payload": payload,
    });
    let appended = bob.client.call("membership.append", &params).await;
    assert_eq!(appended["result"]["chain_seq"], 1, "{appended}");
    let event = carol.client.receive_notification("membership").await;
    assert_eq!((&event["cursor"], &event["entries"][0]["payload"]), (&json!(1), &payload));
    // The next event continues the cursor of the entry.
    push(&mut space.owner_client().await, &space, 1).await;
    assert_eq!(carol.syncs(1).await, [(1, 2)]);
    assert_eq!(bob.syncs(1).await, [(1, 2)]);
    let cid = less_sync_auth::ucan::cid(&carol.ucan).to_hex();
    let params = json!({ "space": space.text(), "ucan": bob.ucan, "ucan_cid": cid });
    assert_eq!(bob.client.call("membership.revoke", &params).await["result"], json!({}));
    let notice = carol.client.receive_notification("revoked").await;
    assert_eq!(notice, json!({ "space": space.text(), "reason": "ucan_revoked" }));
    // The subscription of the removed member has ended here, too.
    push(&mut space.owner_client().await, &space, 2).await;
    assert_eq!(bob.syncs(1).await, [(2, 3)]);
    carol.client.assert_quiet().await;
    let again = carol.subscribe(&space, 0, &name).await;
    assert_eq!(again["errors"], json!([{ "space": space.text(), "error": "forbidden" }]), "by the home");
}

/// T-108: a revocation at the home is announced to the members elsewhere, and the list of members says whom it meant.
#[tokio::test]
async fn t_108_revocation_at_the_home_is_announced_elsewhere() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let mut bob = Watcher::watching(federated, "bob", &space, &cluster.name(0)).await;
    space.revoke(&mut space.owner_client().await, &bob.ucan).await;
    let notice = bob.client.receive_notification("revoked").await;
    assert_eq!(notice["space"], space.text());
    let list = json!({ "space": space.text(), "ucan": bob.ucan });
    assert_eq!(bob.client.call("membership.list", &list).await["error"]["code"], "forbidden");
}

/// C28, CU-2, FM-6: a cut link is dialled again, and its subscribers get what they missed, in order, without doing anything.
#[tokio::test]
async fn cu_2_missed_events_follow_a_cut_link() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let proxy = FaultProxy::start(home.address()).await;
    cluster.detour(1, 0, proxy.address());
    let space = SharedSpace::create(home).await;
    let mut owner = space.owner_client().await;
    let mut bob = Watcher::watching(federated, "bob", &space, &cluster.name(0)).await;
    push(&mut owner, &space, 1).await;
    assert_eq!(bob.syncs(1).await, [(0, 1)]);
    proxy.link(0).await.cut();
    for index in 2..12 {
        push(&mut owner, &space, index).await;
    }
    let expected: Vec<_> = (1..11).map(|prev| (prev, prev + 1)).collect();
    assert_eq!(bob.syncs(10).await, expected);
    bob.client.assert_quiet().await;
}

/// CU-3, C28, federation P-4: changes beyond the response are read from the home once for all subscribers, who get it in order
/// without doing anything; events that come meanwhile follow it.
#[tokio::test]
async fn cu_3_clients_share_one_pull_after_a_cut_link() {
    const CLIENTS: usize = 100;
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let proxy = FaultProxy::start(home.address()).await;
    cluster.detour(1, 0, proxy.address());
    let space = SharedSpace::create(home).await;
    let mut owner = space.owner_client().await;
    let mut watchers = Vec::new();
    for index in 0..CLIENTS {
        watchers.push(Watcher::watching(federated, &format!("user-{index}"), &space, &cluster.name(0)).await);
    }
    // The route to the home ends before the changes, and another one begins after them.
    drop(proxy);
    let batch = |from: u128| (from..from + 300).map(|index| create(index, "x")).collect::<Vec<_>>();
    for from in [1, 301, 601] {
        assert_eq!(owner.push_with(&space.text(), space.root(), &batch(from)).await["ok"], true);
    }
    cluster.detour(1, 0, home.address());
    for watcher in &mut watchers {
        assert_eq!(watcher.syncs(3).await, [(0, 1), (1, 2), (2, 3)]);
    }
    push(&mut owner, &space, 1000).await;
    for watcher in &mut watchers {
        assert_eq!(watcher.syncs(1).await, [(3, 4)]);
    }
    let pulls = "rpc_requests_total{method=\"pull\",outcome=\"ok\"} 1";
    assert!(shows(home, pulls), "{}", home.metrics().render());
    let caught_up = format!("federation_catchup_total{{peer=\"{}\",result=\"complete\"}} 1", cluster.name(0));
    assert!(shows(federated, &caught_up), "{}", federated.metrics().render());
    assert!(shows(
        federated,
        &format!("federation_catchup_entries_total{{peer=\"{}\"}} 900", cluster.name(0))
    ));
}

/// FM-3, T-303, CU-6, C30: a subscription while the home is down fails at once, for that space only, and lives once it is back.
#[tokio::test]
async fn fm_3_subscription_outlives_an_unreachable_home() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let mut owner = space.owner_client().await;
    push(&mut owner, &space, 1).await;
    let proxy = FaultProxy::start(home.address()).await;
    cluster.detour(1, 0, proxy.address());
    let mut bob = Watcher::connect(federated, "bob", &space).await;
    // The route is known before the outage.
    let list = json!({ "space": space.text(), "ucan": bob.ucan, "home_server": cluster.name(0) });
    assert!(bob.client.call("membership.list", &list).await["error"].is_null());
    drop(proxy);
    let personal = federated.space("bob");
    let entries = json!([
        { "id": personal, "since": 0 },
        { "id": space.text(), "since": 0, "ucan": bob.ucan },
    ]);
    let result = within("the home to be unreachable", async {
        loop {
            let result = bob.client.call("subscribe", &json!({ "spaces": entries })).await["result"].clone();
            if result["errors"][0]["error"] == "home_unavailable" {
                return result;
            }
        }
    })
    .await;
    assert_eq!(result["spaces"][0]["id"], personal, "FW-1");
    assert_eq!(result["errors"], json!([{ "space": space.text(), "error": "home_unavailable" }]));
    push(&mut owner, &space, 2).await;
    cluster.detour(1, 0, home.address());
    assert_eq!(bob.syncs(1).await, [(2, 2)], "a pull hint");
    push(&mut owner, &space, 3).await;
    assert_eq!(bob.syncs(1).await, [(2, 3)]);
}

/// INV-5, T-111: a server that has a space elsewhere serves it to nobody but its own users.
#[tokio::test]
async fn inv_5_remote_space_is_not_served_to_servers() {
    let cluster = cluster(3).await;
    let (home, between, far) = (cluster.server(0), cluster.server(1), cluster.server(2));
    let space = SharedSpace::create(home).await;
    let mut bob = Watcher::watching(between, "bob", &space, &cluster.name(0)).await;
    let mut dora = Watcher::connect(far, "dora", &space).await;
    // The search at the server in between finds nothing there, and pins nothing.
    let result = dora.subscribe(&space, 0, &cluster.name(1)).await;
    assert_eq!(result["errors"], json!([{ "space": space.text(), "error": "not_found" }]));
    let result = dora.subscribe(&space, 0, &cluster.name(0)).await;
    assert_eq!(result["spaces"][0]["cursor"], 0, "{result}");
    assert_eq!(dora.push(&space, &[create(1, "d")]).await["ok"], true);
    assert_eq!(bob.syncs(1).await, [(0, 1)]);
}

/// INV-8, CU-8, T-113: subscriptions end with their connections, and nothing is left behind.
#[tokio::test]
async fn t_113_interests_end_with_their_connections() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let name = cluster.name(0);
    for round in 0..20 {
        let watcher = Watcher::watching(federated, "bob", &space, &name).await;
        if round % 2 == 0 {
            watcher.client.vanish();
        }
    }
    let mut bob = Watcher::watching(federated, "bob", &space, &name).await;
    push(&mut space.owner_client().await, &space, 1).await;
    assert_eq!(bob.syncs(1).await, [(0, 1)]);
    let unsubscribe = json!({ "spaces": [space.text()] });
    bob.client.notify("unsubscribe", &unsubscribe).await;
    push(&mut space.owner_client().await, &space, 2).await;
    bob.client.assert_quiet().await;
    within("the connections to end", async {
        while !shows(federated, "broker_subscriptions 0") {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
