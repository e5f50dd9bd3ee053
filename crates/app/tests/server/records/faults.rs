//! Disks that are full or broken: an outage that never looks like a rejection (protocol §3.2, newer-clients §3.1).

use std::fs::OpenOptions;

use less_sync_test_support::{TestServer, bytes, create};
use serde_json::json;

/// G-17: a full disk is `internal`, never a code that makes a client discard a record.
#[tokio::test]
async fn a_push_onto_a_full_disk_is_internal_and_what_was_stored_stays() {
    let server = TestServer::builder().database_pages(256).start().await;
    let space = server.space("alice");
    let [mut alice, mut watcher] = [server.raw("alice").await, server.raw("alice").await];
    watcher.subscribe(&space).await;
    let mut stored = 0;
    let rejected = loop {
        let result = alice.push(&space, &[create(stored, vec![7; 64 * 1024])]).await;
        if result["ok"] != true {
            break result;
        }
        stored += 1;
        assert!(stored < 100, "the disk does not fill up");
    };
    assert_eq!(rejected, json!({ "ok": false, "error": "internal" }));
    assert!(stored > 0, "nothing fits at all");
    // No event was sent, the connection stays open, and all acknowledged records can still be read.
    assert_eq!(watcher.pending_notifications().await.len(), usize::try_from(stored).unwrap());
    let rows = alice.pull(&space, 0).await;
    assert_eq!(rows.len(), usize::try_from(stored).unwrap() + 2);
    assert_eq!(rows[1].1["blob"], bytes(vec![7; 64 * 1024]));
}

/// a pull that fails in the middle ends with an error: no commit of the space, no result.
#[tokio::test]
async fn a_pull_from_a_broken_disk_ends_with_an_error() {
    const ROWS: u128 = 12;
    const ROW: usize = 1024 * 1024;
    for intact in [1, 5, 9] {
        let server = TestServer::builder().embedded().setting("PULL_PAGE_ROWS", "1").start().await;
        let space = server.space("alice");
        let mut alice = server.raw("alice").await;
        for index in 0..ROWS {
            alice.push_ok(&space, &[create(index, vec![7; ROW])]).await;
        }
        // Everything moves from the log into the file, which then loses its end.
        let server = server.restart().await;
        let mut alice = server.raw("alice").await;
        assert_eq!(alice.subscribe(&space).await["cursor"], 12);
        let file = OpenOptions::new().write(true).open(server.folder().join("less-sync.db")).unwrap();
        file.set_len(intact * ROW as u64).unwrap();
        let params = json!({ "spaces": [{ "id": space, "since": 0 }] });
        let (chunks, response) = alice.call_with_chunks("pull", &params).await;
        assert_eq!(response["error"], json!({ "code": "internal", "message": "internal" }));
        assert!(response.get("result").is_none());
        assert!(chunks.len() < 13, "{} chunks from {intact} MiB", chunks.len());
        assert!(chunks.iter().all(|chunk| chunk["name"] != "pull.commit"));
        alice.assert_alive().await;
    }
}
