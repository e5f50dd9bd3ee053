//! `deks.get`, `deks.rewrap` and their twins for files (protocol §4.16–§4.18, newer-clients §4.3, §4.4), and whole
//! rotations as clients of both generations make them.

mod files;
mod many;
mod rewrap;
mod rotation;
mod turns;

use less_sync_test_support::{RawClient, TestServer, bytes, create, delete, record_id, update};
use serde_json::{Value, json};

use crate::rpc_error::error;

/// A data key of this epoch; `mark` distinguishes keys.
fn dek(epoch: u8, mark: u8) -> Value {
    let mut dek = [mark; 44];
    dek[..4].copy_from_slice(&[0, 0, 0, epoch]);
    bytes(dek)
}

/// A change with a data key.
fn keyed(mut change: Value, dek: Value) -> Value {
    change["dek"] = dek;
    change
}

/// The rows of the result, each as (id, key).
fn listed(response: &Value) -> Vec<(String, Value)> {
    let rows = response["result"]["deks"].as_array().unwrap_or_else(|| panic!("{response}"));
    rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row["wrapped_dek"].clone())).collect()
}

/// Content of the chunks, each as (id, key).
fn chunked(chunks: &[Value]) -> Vec<(String, Value)> {
    let pair =
        |chunk: &Value| (chunk["data"]["id"].as_str().unwrap().to_owned(), chunk["data"]["dek"].clone());
    chunks.iter().map(pair).collect()
}

async fn keys_of(client: &mut RawClient, space: &str, ucan: &str) -> Vec<(String, Value)> {
    listed(&client.call("deks.get", &json!({ "space": space, "ucan": ucan })).await)
}

/// P-140, D-03: every key in a chunk for older clients and in the result for newer ones, ascending (cursor, id), each in
/// one spelling; tombstones and records without a key are left out.
#[tokio::test]
async fn keys_are_listed_for_both_generations() {
    let server = TestServer::start().await;
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    let empty = alice.call_with_chunks("deks.get", &json!({ "space": space })).await;
    assert_eq!((empty.0.len(), &empty.1["result"]), (0, &json!({ "_chunks": 0, "deks": [] })));
    alice.push_ok(&space, &[keyed(create(3, "x"), dek(1, 3)), keyed(create(2, "x"), dek(1, 2))]).await;
    alice.push_ok(&space, &[keyed(create(1, "x"), dek(1, 1)), create(4, "no key")]).await;
    alice.push_ok(&space, &[keyed(create(5, "x"), dek(1, 5))]).await;
    alice.push_ok(&space, &[delete(5, 3)]).await;
    let row = |index, seq: u8, mark| (record_id(index), seq, dek(1, mark));
    let rows = [row(2, 1, 2), row(3, 1, 3), row(1, 2, 1)];
    for (since, skipped) in
        [(json!(null), 0), (json!(0), 0), (json!(1), 2), (json!(2), 3), (json!(i64::MAX), 3)]
    {
        let params = json!({ "space": space, "since": since });
        let (chunks, response) = alice.call_with_chunks("deks.get", &params).await;
        let data: Vec<_> = chunks.iter().map(|chunk| chunk["data"].clone()).collect();
        let expected = &rows[skipped..];
        let chunk = |(id, seq, dek): &(String, u8, Value)| json!({ "id": id, "dek": dek, "seq": seq });
        assert_eq!(data, expected.iter().map(chunk).collect::<Vec<_>>(), "since {since}");
        assert!(chunks.iter().all(|chunk| chunk["name"] == "deks.record"));
        let entry =
            |(id, seq, dek): &(String, u8, Value)| json!({ "id": id, "wrapped_dek": dek, "seq": seq });
        let deks: Vec<_> = expected.iter().map(entry).collect();
        assert_eq!(response["result"], json!({ "_chunks": expected.len(), "deks": deks }), "since {since}");
    }
}

/// P-141, P-144: undecodable params under every name, ids, and rights.
#[tokio::test]
async fn malformed_requests_are_rejected_with_their_messages() {
    let server = TestServer::start().await;
    let (mut alice, own) = (server.raw("alice").await, server.space("alice"));
    for (method, label) in [
        ("deks.get", "deks get"),
        ("deks.rewrap", "deks rewrap"),
        ("deks.getFiles", "file deks get"),
        ("file.deks.get", "file deks get"),
        ("deks.rewrapFiles", "file deks rewrap"),
        ("file.deks.rewrap", "file deks rewrap"),
    ] {
        let keyless = json!({ "space": own, "since": -1, "deks": [{ "id": record_id(1) }] });
        for params in [json!([]), json!({ "deks": [] }), json!({ "space": 1, "deks": [] }), keyless] {
            let response = alice.call(method, &params).await;
            let expected = error("invalid_params", &format!("invalid {label} params"));
            assert_eq!(response["error"], expected, "{method} {params}");
        }
        let malformed = json!([{ "id": "", "dek": bytes("") }]);
        for (space, expected) in [
            ("x", error("bad_request", "invalid space id")),
            (&server.space("bob"), error("forbidden", "forbidden")),
        ] {
            let response = alice.call(method, &json!({ "space": space, "deks": malformed })).await;
            assert_eq!(response["error"], expected, "{method}");
        }
    }
}

/// Read-your-writes (protocol §2.5): a listing sees the pushes sent before it.
#[tokio::test]
async fn listing_sees_earlier_pushes() {
    let server = TestServer::start().await;
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    for index in 1..=20_u8 {
        let change = keyed(create(index.into(), "x"), dek(1, index));
        alice.request("push", &json!({ "space": space, "changes": [change] })).await;
        let rows = keys_of(&mut alice, &space, "").await;
        assert_eq!(rows.len(), usize::from(index));
    }
    alice.push_ok(&space, &[keyed(update(1, "y", 1), dek(1, 99))]).await;
    let rows = keys_of(&mut alice, &space, "").await;
    assert_eq!(rows.last().unwrap(), &(record_id(1), dek(1, 99)), "a new cursor, a new place");
}
