//! A disk that is full: an outage that never looks like a refusal (protocol §3.2, newer clients §3.1).

use less_sync_test_support::{TestServer, bytes, create};
use serde_json::json;

/// G-17: a full disk is `internal`, never a code that makes a client give a record up.
#[tokio::test]
async fn a_push_onto_a_full_disk_is_internal_and_what_was_stored_stays() {
    let server = TestServer::builder().database_pages(256).start().await;
    let space = server.space("alice");
    let [mut alice, mut watcher] = [server.raw("alice").await, server.raw("alice").await];
    watcher.subscribe(&space).await;
    let mut stored = 0;
    let refused = loop {
        let result = alice.push(&space, &[create(stored, vec![7; 64 * 1024])]).await;
        if result["ok"] != true {
            break result;
        }
        stored += 1;
        assert!(stored < 100, "the disk does not fill up");
    };
    assert_eq!(refused, json!({ "ok": false, "error": "internal" }));
    assert!(stored > 0, "nothing fits at all");
    // Nobody heard of it, the connection lives, and everything acknowledged can still be read.
    assert_eq!(watcher.pending_notifications().await.len(), usize::try_from(stored).unwrap());
    let rows = alice.pull(&space, 0).await;
    assert_eq!(rows.len(), usize::try_from(stored).unwrap() + 2);
    assert_eq!(rows[1].1["blob"], bytes(vec![7; 64 * 1024]));
}
