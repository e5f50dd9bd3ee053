//! `catchup: true`: missed rows are sent before the response (protocol §6.4, D-16).

use less_sync_test_support::{RawClient, SharedSpace, TestServer, create, delete, record_id};
use serde_json::{Value, json};

use crate::shared::log::fill;

/// Subscribes and returns all frames up to and including the response.
async fn subscribe(client: &mut RawClient, entry: Value) -> (Vec<Value>, Value) {
    let id = client.request("subscribe", &json!({ "spaces": [entry] })).await;
    let mut before = Vec::new();
    loop {
        let frame = client.receive_rpc().await;
        if frame["id"] == id.as_str() {
            return (before, frame["result"]["spaces"][0].clone());
        }
        before.push(frame);
    }
}

/// Cursors 1 to 5: two records, an entry, one of the records gone, one more entry.
async fn history(space: &SharedSpace<'_>) -> RawClient {
    let (text, root) = (space.text(), space.root());
    let mut owner = space.owner_client().await;
    owner.push_with(&text, root, &[create(1, "one")]).await;
    owner.push_with(&text, root, &[create(2, "two")]).await;
    let last = fill(&mut owner, space, &["entry"]).await;
    owner.push_with(&text, root, &[delete(1, 1), create(3, "three")]).await;
    let params = crate::shared::log::append(&text, root, 1, last.as_ref(), "another");
    owner.call("membership.append", &params).await;
    owner
}

#[tokio::test]
async fn few_missed_rows_are_replayed_before_the_response() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = history(&space).await;
    let text = space.text();
    let mut client = space.owner_client().await;
    let entry = json!({ "id": text, "ucan": space.root(), "since": 1, "catchup": true });
    let (told, state) = subscribe(&mut client, entry).await;
    assert_eq!(state["cursor"], 5);
    let methods: Vec<_> = told.iter().map(|frame| frame["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["sync", "membership", "sync", "membership"]);
    let steps = |frame: &Value| (frame["params"]["prev"].clone(), frame["params"]["cursor"].clone());
    assert_eq!(steps(&told[0]), (json!(1), json!(2)), "the first sync continues from since");
    assert_eq!(steps(&told[2]), (json!(3), json!(4)), "the next from what was told before it");
    assert_eq!(told[1]["params"]["entries"][0]["chain_seq"], 1);
    let records = told[2]["params"]["records"].as_array().unwrap();
    assert_eq!(records[0], json!({ "id": record_id(1), "cursor": 4, "deleted": true }));
    assert_eq!(records[1]["id"], record_id(3));
    // Live events continue at the cursor of the response.
    owner.push_with(&text, space.root(), &[create(4, "four")]).await;
    let sync = client.receive_notification("sync").await;
    assert_eq!((&sync["prev"], &sync["cursor"]), (&json!(5), &json!(6)));
}

#[tokio::test]
async fn many_missed_rows_become_one_hint_after_the_response() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let (text, root) = (space.text(), space.root());
    let mut owner = history(&space).await;
    let many: Vec<Value> = (100..601).map(|index| create(index, "x")).collect();
    owner.push_with(&text, root, &many).await;
    let mut client = space.owner_client().await;
    let entry = json!({ "id": text, "ucan": root, "since": 5, "catchup": true });
    let (told, state) = subscribe(&mut client, entry).await;
    assert_eq!((told, &state["cursor"]), (vec![], &json!(6)));
    let hint = client.receive_notification("sync").await;
    assert_eq!((&hint["prev"], &hint["cursor"], &hint["records"]), (&json!(6), &json!(6), &json!([])));
    client.assert_quiet().await;
    // A single row less, and 1 MiB in one row, are still replayed; more is not.
    owner.push_with(&text, root, &[create(700, vec![7; 1024 * 1024])]).await;
    owner.push_with(&text, root, &[create(701, "x")]).await;
    for (since, told_at_once) in [(6, false), (7, true)] {
        let mut client = space.owner_client().await;
        let entry = json!({ "id": text, "ucan": root, "since": since, "catchup": true });
        assert_eq!(!subscribe(&mut client, entry).await.0.is_empty(), told_at_once, "since {since}");
    }
}

#[tokio::test]
async fn replay_needs_catchup_and_a_cursor_within_the_history() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    history(&space).await;
    for (since, catchup) in [(1, false), (0, true), (5, true), (9, true), (i64::MAX, true)] {
        let mut client = space.owner_client().await;
        let entry = json!({ "id": space.text(), "ucan": space.root(), "since": since, "catchup": catchup });
        let (told, state) = subscribe(&mut client, entry).await;
        assert_eq!((told, &state["cursor"]), (vec![], &json!(5)), "since {since}, catchup {catchup}");
        client.assert_quiet().await;
    }
}

#[tokio::test]
async fn personal_space_catches_up_too() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, mut other] = [server.raw("alice").await, server.raw("alice").await];
    one.push_ok(&space, &[create(1, "x")]).await;
    one.push_ok(&space, &[create(2, "x")]).await;
    let (told, _) = subscribe(&mut other, json!({ "id": space, "since": 1, "catchup": true })).await;
    let cursors: Vec<_> = told.iter().map(|frame| frame["params"]["cursor"].clone()).collect();
    assert_eq!(cursors, [2]);
}
