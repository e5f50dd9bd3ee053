//! Senders that vanish in the middle of a push (decision 0014, protocol G2).

use less_sync_test_support::{TestServer, create};
use serde_json::json;

const ROUNDS: u128 = 200;

/// The clock stands still, so that the position check cannot repair: the push itself must announce every commit.
#[tokio::test]
async fn commit_of_a_disconnected_sender_is_announced_to_subscribers() {
    let server = TestServer::builder()
        .limits(|limits| (limits.max_connections_per_mailbox, limits.max_connections_per_actor) = (0, 0))
        .manual_clock()
        .start()
        .await;
    let space = server.space("alice");
    let [mut watcher, mut steady] = [server.raw("alice").await, server.raw("alice").await];
    watcher.subscribe(&space).await;
    for round in 1..=ROUNDS {
        let mut sender = server.raw("alice").await;
        let changes = [create(round, "last words")];
        sender.request("push", &json!({ "space": space, "changes": changes })).await;
        sender.vanish();
    }
    let last = steady.push_ok(&space, &[create(0, "still here")]).await;
    let mut cursor = 0;
    while cursor < last {
        let sync = watcher.receive_notification("sync").await;
        assert_eq!(sync["prev"], cursor, "{sync}");
        assert!(!sync["records"].as_array().unwrap().is_empty(), "a hint stands for something lost: {sync}");
        cursor = sync["cursor"].as_i64().unwrap();
    }
    assert!(last > 1, "not one of {ROUNDS} vanished senders committed anything: the test proves nothing");
}
