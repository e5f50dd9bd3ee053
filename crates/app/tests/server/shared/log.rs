//! `membership.append` and `membership.list` (protocol §4.8, §4.9).

use less_sync_core::Permission;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, bytes};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rpc_error::error;

/// Hash and payload of an entry.
pub(crate) fn hashed(payload: impl AsRef<[u8]>) -> (Value, Value) {
    (bytes(Sha256::digest(&payload)), bytes(payload))
}

/// The params of an append to a log of `version` entries that ends with `prev`.
pub(crate) fn append(space: &str, ucan: &str, version: i32, prev: Option<&Value>, payload: &str) -> Value {
    let (hash, payload) = hashed(payload);
    let mut params = json!({
        "space": space, "ucan": ucan, "expected_version": version, "entry_hash": hash, "payload": payload,
    });
    if let Some(prev) = prev {
        params["prev_hash"] = prev.clone();
    }
    params
}

/// Appends `payloads` one after the other to an empty log; returns the hash of the last one.
pub(crate) async fn fill(
    client: &mut RawClient,
    space: &SharedSpace<'_>,
    payloads: &[&str],
) -> Option<Value> {
    let mut prev = None;
    for (version, payload) in (0..).zip(payloads) {
        let params = append(&space.text(), space.root(), version, prev.as_ref(), payload);
        let response = client.call("membership.append", &params).await;
        let seq = version + 1;
        assert_eq!(response["result"], json!({ "chain_seq": seq, "metadata_version": seq }), "{response}");
        prev = Some(hashed(payload).0);
    }
    prev
}

pub(crate) async fn list(client: &mut RawClient, space: &SharedSpace<'_>, range: &Value) -> Value {
    let mut params = json!({ "space": space.text(), "ucan": space.root() });
    range.as_object().unwrap().iter().for_each(|(name, value)| params[name] = value.clone());
    client.call("membership.list", &params).await["result"].clone()
}

fn seqs(list: &Value) -> Vec<i64> {
    list["entries"].as_array().unwrap().iter().map(|entry| entry["chain_seq"].as_i64().unwrap()).collect()
}

/// P-090, P-093, P-100, P-103.
#[tokio::test]
async fn log_is_appended_entry_by_entry_and_listed_from_any_position() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    assert_eq!(list(&mut owner, &space, &json!({})).await, json!({ "entries": [], "metadata_version": 0 }));
    fill(&mut owner, &space, &["one", "two", "three", "four"]).await;
    let all = list(&mut owner, &space, &json!({})).await;
    let [(one, one_payload), (two, two_payload)] = [hashed("one"), hashed("two")];
    assert_eq!(all["entries"][0], json!({ "chain_seq": 1, "entry_hash": one, "payload": one_payload }));
    let second = json!({ "chain_seq": 2, "prev_hash": one, "entry_hash": two, "payload": two_payload });
    assert_eq!(all["entries"][1], second);
    assert_eq!((seqs(&all), &all["metadata_version"]), (vec![1, 2, 3, 4], &json!(4)));
    for (range, expected) in [
        (json!({ "since_seq": 2 }), vec![3, 4]),
        (json!({ "until_seq": 2 }), vec![1, 2]),
        (json!({ "since_seq": 1, "until_seq": 3 }), vec![2, 3]),
        (json!({ "since_seq": 4 }), vec![]),
        (json!({ "since_seq": -5 }), vec![1, 2, 3, 4]),
        (json!({ "since_seq": i32::MIN, "until_seq": i32::MAX }), vec![1, 2, 3, 4]),
        (json!({ "until_seq": 0 }), vec![]),
        (json!({ "since_seq": -5, "until_seq": -1 }), vec![]),
    ] {
        let some = list(&mut owner, &space, &range).await;
        assert_eq!((seqs(&some), &some["metadata_version"]), (expected, &json!(4)), "{range}");
    }
}

/// P-091, P-101, D-36: the version is checked first, then the hash chain, with the message that clients match.
#[tokio::test]
async fn entry_that_does_not_continue_the_log_is_a_conflict() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let (conflict, broken) = (error("conflict", "conflict"), error("conflict", "hash chain broken"));
    let (text, root) = (space.text(), space.root());
    let wrong = hashed("something else").0;
    let early = append(&text, root, 0, Some(&wrong), "one");
    assert_eq!(owner.call("membership.append", &early).await["error"], broken, "first with a hash before");
    let last = fill(&mut owner, &space, &["one"]).await;
    for (version, prev, expected, why) in [
        (0, last.as_ref(), &conflict, "an older version"),
        (2, last.as_ref(), &conflict, "a newer version"),
        (0, Some(&wrong), &conflict, "version before chain"),
        (1, Some(&wrong), &broken, "another hash"),
        (1, None, &broken, "no hash"),
        (1, Some(&bytes("short")), &broken, "no hash at all"),
    ] {
        let response = owner.call("membership.append", &append(&text, root, version, prev, "two")).await;
        assert_eq!(&response["error"], expected, "{why}");
    }
    let params = append(&text, root, 1, last.as_ref(), "two");
    assert_eq!(owner.call("membership.append", &params).await["result"]["chain_seq"], 2);
    assert_eq!(owner.call("membership.append", &params).await["error"], conflict, "a blind repeat");
}

/// An entry is sent to all subscribers but its sender, and a pull returns it at its position (D-37).
#[tokio::test]
async fn entry_reaches_subscribers_and_pulls() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let (reader, text) = (Member::random(), space.text());
    let ucan = space.invite(&reader, Permission::Read);
    let (mut owner, mut watcher) = (space.owner_client().await, server.raw_as("bob", &reader).await);
    owner.subscribe_with(&text, space.root()).await;
    watcher.subscribe_with(&text, &ucan).await;
    fill(&mut owner, &space, &["one"]).await;
    let (hash, payload) = hashed("one");
    let entry = json!({ "chain_seq": 1, "entry_hash": hash, "payload": payload });
    let event = json!({ "space": text, "cursor": 1, "entries": [entry] });
    assert_eq!(watcher.receive_notification("membership").await, event);
    owner.assert_quiet().await;
    owner.push_with(&text, space.root(), &[less_sync_test_support::create(1, "x")]).await;
    let sync = watcher.receive_notification("sync").await;
    assert_eq!((&sync["prev"], &sync["cursor"]), (&json!(1), &json!(2)));
    let params = json!({ "spaces": [{ "id": text, "since": 0, "ucan": ucan }] });
    let (chunks, _) = watcher.call_with_chunks("pull", &params).await;
    let names: Vec<_> = chunks.iter().map(|chunk| chunk["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pull.begin", "pull.membership", "pull.record", "pull.commit"]);
    assert_eq!(chunks[1]["data"], event);
    assert_eq!(chunks[3]["data"]["count"], 2);
}

/// D-28: a member with read permission may append to the log, with or without `kind`.
#[tokio::test]
async fn reader_may_append() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let reader = Member::random();
    let ucan = space.invite(&reader, Permission::Read);
    let mut client = server.raw_as("bob", &reader).await;
    let mut params = append(&space.text(), &ucan, 0, None, "yes");
    params["kind"] = "accept".into();
    assert_eq!(client.call("membership.append", &params).await["result"]["chain_seq"], 1);
    params["kind"] = "perhaps".into();
    let rejected = client.call("membership.append", &params).await["error"].clone();
    assert_eq!(rejected, error("invalid_params", "invalid membership append params"));
}
