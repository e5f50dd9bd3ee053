//! Rewraps: validation, and keys that stay unchanged.

use less_sync_test_support::{RawClient, TestServer, bytes, create, delete, record_id, update};
use serde_json::{Value, json};

use super::{dek, keyed, keys_of};
use crate::rpc_error::error;

fn entry(index: u128, dek: Value) -> Value {
    let mut entry = json!({ "id": record_id(index) });
    entry["dek"] = dek;
    entry
}

async fn rewrap(client: &mut RawClient, space: &str, entries: &[Value]) -> Value {
    client.call("deks.rewrap", &json!({ "space": space, "deks": entries })).await
}

/// A personal space in which records 1 to 3 have keys of epoch 1, and epoch 2 has begun.
async fn rotating(server: &TestServer) -> (RawClient, String) {
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    for index in 1..=3_u8 {
        alice.push_ok(&space, &[keyed(create(index.into(), "x"), dek(1, index))]).await;
    }
    let begun = alice.call("epoch.begin", &json!({ "space": space, "epoch": 2 })).await;
    assert_eq!(begun["result"], json!({ "epoch": 2 }));
    (alice, space)
}

fn original() -> Vec<(String, Value)> {
    (1..=3_u8).map(|index| (record_id(index.into()), dek(1, index))).collect()
}

/// P-142, P-143, P-149: every fault with its message; epochs are checked before rows, and one fault rejects the batch.
#[tokio::test]
async fn faulty_batch_changes_nothing() {
    let server = TestServer::start().await;
    let (mut alice, space) = rotating(&server).await;
    let bad = |message: &str| error("bad_request", message);
    let length = bad("invalid record: wrapped DEK must be exactly 44 bytes");
    let epoch = error("conflict", "DEK epoch does not match current key generation");
    let missing = bad("one or more DEK records were not found");
    let mut both = entry(1, dek(2, 7));
    both["wrapped_dek"] = dek(2, 8);
    let good = entry(2, dek(2, 9));
    for (faulty, expected) in [
        (json!({ "id": "", "dek": bytes("") }), bad("invalid record: id must be non-empty string")),
        (json!({ "id": "rec-1", "dek": dek(2, 1) }), bad("invalid record: id must be a valid UUID")),
        (
            json!({ "id": record_id(1).replace('-', ""), "dek": dek(2, 1) }),
            bad("invalid record: id must be a valid UUID"),
        ),
        (json!({ "id": record_id(1), "dek": bytes([0; 43]) }), length.clone()),
        (json!({ "id": record_id(1), "dek": bytes([0; 45]) }), length.clone()),
        (both, length),
        (entry(1, dek(1, 7)), epoch.clone()),
        (entry(1, dek(3, 7)), epoch.clone()),
        (entry(1, dek(0, 7)), epoch.clone()),
        (entry(99, dek(1, 7)), epoch),
        (entry(99, dek(2, 7)), missing),
    ] {
        let response = rewrap(&mut alice, &space, &[good.clone(), faulty]).await;
        assert_eq!(response["error"], expected);
    }
    assert_eq!(keys_of(&mut alice, &space, "").await, original());
}

/// Protocol §4.17: all of them, in either spelling, as often as one likes; the last of several counts. No cursor moves,
/// and no event is sent.
#[tokio::test]
async fn batch_replaces_keys_and_nothing_else() {
    let server = TestServer::start().await;
    let (mut alice, space) = rotating(&server).await;
    let mut watcher = server.raw("alice").await;
    watcher.subscribe(&space).await;
    assert_eq!(rewrap(&mut alice, &space, &[]).await["result"], json!({ "ok": true, "count": 0 }));
    alice.push_ok(&space, &[create(4, "no key"), keyed(create(5, "x"), dek(2, 5))]).await;
    let cursor = alice.push_ok(&space, &[delete(5, 4)]).await;
    keys_of(&mut alice, &space, "").await;
    let newer = json!({ "id": record_id(2).to_uppercase(), "wrapped_dek": dek(2, 12) });
    let entries =
        [entry(1, dek(2, 10)), newer, entry(1, dek(2, 11)), entry(4, dek(2, 4)), entry(5, dek(2, 5))];
    watcher.pending_notifications().await;
    for _ in 0..2 {
        let response = rewrap(&mut alice, &space, &entries).await;
        assert_eq!(response["result"], json!({ "ok": true, "count": 5 }));
    }
    let expected = [(record_id(1), dek(2, 11)), (record_id(2), dek(2, 12)), (record_id(3), dek(1, 3))];
    assert_eq!(keys_of(&mut alice, &space, "").await, expected, "in the old order: no cursor moved");
    watcher.assert_quiet().await;
    assert_eq!(watcher.subscribe(&space).await["cursor"], cursor);
}

/// G-09: an entry with an observed key replaces that key and no other; then the client lists and tries again.
#[tokio::test]
async fn stale_observation_is_a_conflict() {
    let server = TestServer::start().await;
    let (mut alice, space) = rotating(&server).await;
    let observing = |index: u128, new: Value, observed: Value| json!({ "id": record_id(index), "wrapped_dek": new, "observed_wrapped_dek": observed });
    let replaced = error("conflict", "wrapped DEK was replaced concurrently");
    alice.push_ok(&space, &[keyed(update(1, "new", 1), dek(1, 77))]).await;
    for stale in [
        observing(1, dek(2, 1), dek(1, 1)),
        observing(1, dek(2, 1), bytes("short")),
        observing(1, dek(2, 1), bytes("")),
        observing(99, dek(2, 1), dek(1, 1)),
    ] {
        let batch = [observing(2, dek(2, 2), dek(1, 2)), stale];
        assert_eq!(rewrap(&mut alice, &space, &batch).await["error"], replaced);
    }
    let after = keys_of(&mut alice, &space, "").await;
    assert_eq!(after, [(record_id(2), dek(1, 2)), (record_id(3), dek(1, 3)), (record_id(1), dek(1, 77))]);
    let batch = [observing(1, dek(2, 1), dek(1, 77)), entry(2, dek(2, 2))];
    assert_eq!(rewrap(&mut alice, &space, &batch).await["result"], json!({ "ok": true, "count": 2 }));
    let lost_answer = rewrap(&mut alice, &space, &batch).await;
    assert_eq!(lost_answer["error"], replaced, "the client lists, sees the new epoch, and skips");
    let rows = keys_of(&mut alice, &space, "").await;
    assert_eq!(rows, [(record_id(2), dek(2, 2)), (record_id(3), dek(1, 3)), (record_id(1), dek(2, 1))]);
}

/// X-19, storage R15: content written after the listing keeps its key. The entry counts nevertheless.
#[tokio::test]
async fn content_newer_than_the_listing_keeps_its_key() {
    let server = TestServer::start().await;
    let (mut admin, space) = rotating(&server).await;
    let mut member = server.raw("alice").await;
    assert_eq!(keys_of(&mut admin, &space, "").await.len(), 3);
    member.push_ok(&space, &[keyed(update(1, "newer", 1), dek(1, 55))]).await;
    let batch: Vec<Value> = (1..=3_u8).map(|index| entry(index.into(), dek(2, index))).collect();
    assert_eq!(rewrap(&mut admin, &space, &batch).await["result"]["count"], 3);
    let rows = [(record_id(2), dek(2, 2)), (record_id(3), dek(2, 3)), (record_id(1), dek(1, 55))];
    assert_eq!(keys_of(&mut member, &space, "").await, rows);
    let complete = json!({ "space": space, "epoch": 2 });
    let response = admin.call("epoch.complete", &complete).await;
    assert_eq!(response["error"], error("conflict", "rewrap incomplete"), "the next listing shows it");
    assert_eq!(keys_of(&mut admin, &space, "").await, rows);
    rewrap(&mut admin, &space, &[entry(1, dek(2, 56))]).await;
    assert_eq!(admin.call("epoch.complete", &complete).await["result"], json!({}));
}

/// Storage §3.12: a rewrap by a connection that has not listed the keys replaces no key of the new epoch.
#[tokio::test]
async fn rewrap_without_a_listing_replaces_no_new_key() {
    let server = TestServer::start().await;
    let (mut alice, space) = rotating(&server).await;
    alice.push_ok(&space, &[keyed(update(1, "newer", 1), dek(2, 55))]).await;
    let mut unlisted = server.raw("alice").await;
    let batch = [entry(1, dek(2, 1)), entry(2, dek(2, 2))];
    assert_eq!(rewrap(&mut unlisted, &space, &batch).await["result"]["count"], 2);
    let rows = [(record_id(2), dek(2, 2)), (record_id(3), dek(1, 3)), (record_id(1), dek(2, 55))];
    assert_eq!(keys_of(&mut alice, &space, "").await, rows);
}
