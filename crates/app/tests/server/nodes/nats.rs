//! NATS between nodes: absent at the start, killed, and back.

use less_sync_test_support::{LogWatch, NatsServer, RawClient, TestServer, create, never_logged, within};

use super::fixture::{Nodes, metric, reported, with_nats};

/// Follows the syncs of a watcher up to `cursor`.
async fn follow(watcher: &mut RawClient, cursor: i64) {
    while watcher.receive_notification("sync").await["cursor"].as_i64().unwrap() < cursor {}
}

async fn wait_for_status(nodes: &Nodes, status: &str) {
    let seen = async {
        loop {
            let ready = [nodes.one.get("/readyz").await, nodes.other.get("/readyz").await];
            assert!(ready.iter().all(|report| report.status == 200), "{ready:?}");
            if ready.iter().all(|report| reported(&report.body)["status"] == status) {
                return;
            }
        }
    };
    within(format!("both nodes to be {status}"), seen).await;
}

/// Small events travel in the messages, so that the receiver has no reason to read the database.
#[tokio::test]
async fn small_pushes_travel_over_nats() {
    let nats = NatsServer::start().await;
    let nodes = Nodes::over_nats(&nats).await;
    let space = nodes.one.space("alice");
    let (mut writer, mut watcher) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
    watcher.subscribe(&space).await;
    writer.push_ok(&space, &[create(1, "x")]).await;
    follow(&mut watcher, 1).await;
    let sent = || metric(nodes.one.metrics(), "bus_sent_bytes_total");
    for (bytes, is_inline) in [(4000, true), (9000, false)] {
        let before = sent();
        let cursor = writer
            .push_ok(&space, &[create(u128::from(bytes), vec![7; usize::try_from(bytes).unwrap()])])
            .await;
        follow(&mut watcher, cursor).await;
        assert_eq!(sent() - before > bytes, is_inline, "{bytes} bytes");
    }
}

/// Watchers follow by comparison while the server is away, and by messages once it is back, without a restart of a node.
#[tokio::test]
async fn killed_nats_delays_events_and_loses_none() {
    let mut nats = NatsServer::start().await;
    let nodes = Nodes::over_nats(&nats).await;
    let space = nodes.one.space("alice");
    let (mut writer, mut watcher) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
    watcher.subscribe(&space).await;
    let logged = LogWatch::start("bus between nodes failed");
    nats.kill();
    wait_for_status(&nodes, "degraded").await;
    assert_eq!(metric(nodes.one.metrics(), "bus_up"), 0);
    for number in 0..10 {
        writer.push_ok(&space, &[create(number, "x")]).await;
    }
    follow(&mut watcher, 10).await;
    assert_eq!(logged.lines().len(), 2, "one of each node");
    nats.restart().await;
    wait_for_status(&nodes, "ok").await;
    for number in 10..20 {
        writer.push_ok(&space, &[create(number, "x")]).await;
    }
    follow(&mut watcher, 20).await;
}

/// A wrong address is no reason not to serve; the log names the cause, and no credentials.
#[tokio::test]
async fn nodes_start_without_their_nats_and_find_it_later() {
    let mut nats = NatsServer::with("authorization { user: less, password: \"hush-hush\" }").await;
    nats.kill();
    never_logged("hush-hush");
    let url = format!("nats://less:hush-hush@{}", nats.address());
    let builder = with_nats(TestServer::builder(), &url);
    let one = builder.postgres().start().await;
    let nodes = Nodes { other: one.another_node(None).await, one };
    nodes.wait_for_others(0).await;
    wait_for_status(&nodes, "degraded").await;
    let space = nodes.one.space("alice");
    let (mut writer, mut watcher) = (nodes.one.raw("alice").await, nodes.client_of_other("alice").await);
    watcher.subscribe(&space).await;
    writer.push_ok(&space, &[create(1, "x")]).await;
    follow(&mut watcher, 1).await;
    nats.restart().await;
    wait_for_status(&nodes, "ok").await;
    nodes.wait_for_others(1).await;
}
