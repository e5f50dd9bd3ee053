//! Heavy pushes of one user beside a small one of another (decision 0016).

use less_sync_test_support::{TestServer, create, delete};
use serde_json::{Value, json};

const HEAVY_PUSHES: i64 = 12;

/// Tombstones per push: more than one statement takes on PostgreSQL, and little to send.
const TOMBSTONES: u128 = 2_500;

#[tokio::test]
async fn small_push_does_not_wait_for_all_heavy_pushes_of_another_user() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut alice, mut witness] = [server.raw("alice").await, server.raw("alice").await];
    let mut bob = server.raw("bob").await;
    bob.push_ok(&server.space("bob"), &[create(1, "before")]).await;
    let mut requests = Vec::new();
    for push in 0..u128::try_from(HEAVY_PUSHES).unwrap() {
        let first = push * TOMBSTONES;
        let changes: Vec<Value> = (first..first + TOMBSTONES).map(|index| delete(index, 0)).collect();
        requests.push(alice.request("push", &json!({ "space": space, "changes": changes })).await);
    }
    let first = alice.receive_rpc().await;
    assert_eq!(first["result"]["ok"], true, "{first}");
    bob.push_ok(&server.space("bob"), &[create(2, "meanwhile")]).await;
    let cursor = witness.subscribe(&space).await["cursor"].as_i64().unwrap();
    assert!(cursor < HEAVY_PUSHES, "the small push waited for all {HEAVY_PUSHES} heavy ones");
    for request in &requests[1..] {
        let response = alice.receive_rpc().await;
        assert_eq!(
            (&response["id"], &response["result"]["ok"]),
            (&json!(request), &json!(true)),
            "{response}"
        );
    }
}
