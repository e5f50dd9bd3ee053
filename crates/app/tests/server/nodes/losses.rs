//! Lost, repeated and reordered messages between nodes.

use std::time::Duration;

use less_sync_bus::{Faults, LocalHub};
use less_sync_core::Permission;
use less_sync_test_support::{RawClient, TestServer, create, delete, record_id, within};

use super::fixture::{Nodes, SharedWatch, metric};

/// Moves the clock, and reads the database, so that the time of the test is not far ahead of that of the reads it waits for.
async fn pass_time(nodes: &Nodes) {
    nodes.one.clock().advance(Duration::from_millis(250));
    assert_eq!(nodes.other.get("/readyz").await.status, 200);
}

/// Follows the syncs of a watcher up to `cursor`, moving the clock.
async fn follow(watcher: &mut RawClient, nodes: &Nodes, cursor: i64) {
    let caught_up = async {
        let mut at = 0;
        while at < cursor {
            pass_time(nodes).await;
            for event in watcher.pending_notifications().await {
                if event["method"] == "sync" {
                    let next = event["params"]["cursor"].as_i64().unwrap();
                    assert!(next > at, "never back: {event}");
                    at = next;
                }
            }
        }
    };
    within("the watcher to catch up", caught_up).await;
}

/// Pushes on one node under `faults`, and follows them on the other: with hints, and with events in the messages.
async fn catch_up_under(faults: Faults) {
    for max_event in [0, 8192] {
        let hub = LocalHub::new();
        let starting = Nodes::start(TestServer::builder().manual_clock(), Some((&hub, max_event)));
        let nodes = Box::pin(starting).await;
        let space = nodes.one.space("alice");
        let mut writer = nodes.one.raw("alice").await;
        let mut watcher = nodes.client_of_other("alice").await;
        watcher.subscribe(&space).await;
        hub.set_faults(faults);
        for number in 0..30 {
            writer.push_ok(&space, &[create(number, "x")]).await;
        }
        follow(&mut watcher, &nodes, 30).await;
    }
}

#[tokio::test]
async fn watcher_catches_up_when_one_percent_is_lost() {
    catch_up_under(Faults { lose_every: 100, ..Faults::default() }).await;
}

#[tokio::test]
async fn watcher_catches_up_when_half_is_lost() {
    catch_up_under(Faults { lose_every: 2, ..Faults::default() }).await;
}

#[tokio::test]
async fn watcher_catches_up_when_everything_is_lost() {
    catch_up_under(Faults { lose_every: 1, ..Faults::default() }).await;
}

#[tokio::test]
async fn watcher_gets_repeated_messages_once() {
    catch_up_under(Faults { repeat_every: 1, ..Faults::default() }).await;
}

#[tokio::test]
async fn watcher_gets_reordered_messages_in_order() {
    catch_up_under(Faults { delay_every: 2, ..Faults::default() }).await;
}

#[tokio::test]
async fn watcher_catches_up_under_all_faults_together() {
    catch_up_under(Faults { lose_every: 3, repeat_every: 2, delay_every: 5, is_down: false }).await;
}

#[tokio::test]
async fn watcher_catches_up_while_the_bus_is_down() {
    catch_up_under(Faults { is_down: true, ..Faults::default() }).await;
}

/// A change of another node reaches a watcher who has subscribed to an empty space, and has pulled a record since: the deletion of
/// the record is among the events, which begin at cursor 0.
#[tokio::test]
async fn deletion_reaches_a_watcher_of_an_empty_space() {
    let hub = LocalHub::new();
    let nodes = Nodes::start(TestServer::builder().manual_clock(), Some((&hub, 0))).await;
    let space = nodes.one.space("alice");
    let mut writer = nodes.one.raw("alice").await;
    let mut watcher = nodes.client_of_other("alice").await;
    watcher.subscribe(&space).await;
    hub.set_faults(Faults { is_down: true, ..Faults::default() });
    writer.push_ok(&space, &[create(1, "x")]).await;
    let pulled = watcher.pull(&space, 0).await;
    assert!(pulled.iter().any(|(_, row)| row["id"] == record_id(1)), "{pulled:?}");
    writer.push_ok(&space, &[delete(1, 1)]).await;
    hub.set_faults(Faults::default());
    let deleted = async {
        loop {
            pass_time(&nodes).await;
            let events = watcher.pending_notifications().await;
            let mut records = events.iter().flat_map(|event| event["params"]["records"].as_array().unwrap());
            if records.any(|record| record["id"] == record_id(1) && record["deleted"] == true) {
                return;
            }
        }
    };
    within("the deletion", deleted).await;
}

/// A revocation whose message is lost takes effect by the comparison with the database.
#[tokio::test]
async fn lost_revocation_takes_effect_by_comparison() {
    let hub = LocalHub::new();
    let nodes = Nodes::start(TestServer::builder().manual_clock(), Some((&hub, 8192))).await;
    let SharedWatch { space, mut owner, member: mut gone, ucan } =
        SharedWatch::begin(&nodes, Permission::Write).await;
    hub.set_faults(Faults { is_down: true, ..Faults::default() });
    space.revoke(&mut owner, &ucan).await;
    let revoked = async {
        loop {
            pass_time(&nodes).await;
            let events = gone.pending_notifications().await;
            if events.iter().any(|event| event["method"] == "revoked") {
                return;
            }
        }
    };
    within("the end of the subscription", revoked).await;
}

/// Losses are counted where an operator looks.
#[tokio::test]
async fn losses_are_counted() {
    let hub = LocalHub::new();
    let nodes = Nodes::over(&hub, 8192).await;
    let space = nodes.one.space("alice");
    let mut writer = nodes.one.raw("alice").await;
    let mut watcher = nodes.client_of_other("alice").await;
    watcher.subscribe(&space).await;
    writer.push_ok(&space, &[create(1, "x")]).await;
    watcher.receive_notification("sync").await;
    let text = nodes.other.metrics().render();
    assert!(text.contains("bus_lost_total{reason=\"gap\"} 0\n"), "{text}");
    hub.set_faults(Faults { lose_every: 1, ..Faults::default() });
    writer.push_ok(&space, &[create(2, "x")]).await;
    hub.set_faults(Faults::default());
    writer.push_ok(&space, &[create(3, "x")]).await;
    let mut at = 1;
    while at < 3 {
        at = watcher.receive_notification("sync").await["cursor"].as_i64().unwrap();
    }
    let counted = async {
        while !nodes.other.metrics().render().contains("bus_lost_total{reason=\"gap\"} 1\n") {
            watcher.assert_alive().await;
        }
    };
    within("the gap to be counted", counted).await;
    assert_eq!(metric(nodes.other.metrics(), "bus_up"), 1);
}
