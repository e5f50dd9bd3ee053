//! More keys than fit into a response.

use less_sync_test_support::{RawClient, TestServer, create, encode};
use serde_json::{Value, json};

use super::{dek, keyed};

/// Rows of 105 bytes that fit 3.5 MiB.
const FIT: usize = 34_952;

/// Records, more than that.
const RECORDS: u128 = 35_500;

async fn rewrap_listed(client: &mut RawClient, space: &str) -> usize {
    let (chunks, response) = client.call_with_chunks("deks.get", &json!({ "space": space })).await;
    assert_eq!(chunks.len() as u128, RECORDS, "chunks are always complete");
    assert_eq!(response["result"]["_chunks"], chunks.len());
    let size = encode(&response).len();
    assert!(size < 4 * 1024 * 1024, "a response of {size} bytes");
    let rows = response["result"]["deks"].as_array().unwrap();
    let renew = |row: &Value| {
        let observed = row["wrapped_dek"].clone();
        json!({ "id": row["id"], "wrapped_dek": dek(2, 2), "observed_wrapped_dek": observed })
    };
    let entries: Vec<Value> = rows.iter().filter(|row| row["wrapped_dek"] != dek(2, 2)).map(renew).collect();
    let response = client.call("deks.rewrap", &json!({ "space": space, "deks": entries })).await;
    assert_eq!(response["result"], json!({ "ok": true, "count": entries.len() }));
    entries.len()
}

/// G-10: the list is cut, completion rejects, and a second round finishes the rotation.
#[tokio::test]
async fn rotation_of_many_keys_ends_in_its_second_round() {
    let server = TestServer::start().await;
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    let changes: Vec<Value> = (0..RECORDS).map(|index| keyed(create(index, "x"), dek(1, 1))).collect();
    for push in changes.chunks(less_sync_core::limits::PUSH_RECORDS) {
        alice.push_ok(&space, push).await;
    }
    let epoch = json!({ "space": space, "epoch": 2 });
    alice.call("epoch.begin", &epoch).await;
    assert_eq!(rewrap_listed(&mut alice, &space).await, FIT);
    assert_eq!(alice.call("epoch.complete", &epoch).await["error"]["message"], "rewrap incomplete");
    assert_eq!(rewrap_listed(&mut alice, &space).await, 35_500 - FIT, "the rest, and only that");
    assert_eq!(alice.call("epoch.complete", &epoch).await["result"], json!({}));
}
