//! Keys of files, under both names of each method.

use less_sync_test_support::{RawClient, TestServer, create};
use rusqlite::params;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{chunked, dek, listed};
use crate::rpc_error::error;

const NAMES: [(&str, &str); 2] =
    [("deks.getFiles", "deks.rewrapFiles"), ("file.deks.get", "file.deks.rewrap")];

fn file_id(number: u128) -> String {
    Uuid::from_u128(number << 64).to_string()
}

/// A server that keeps its data in a file.
async fn server() -> TestServer {
    TestServer::builder().embedded().start().await
}

/// Puts files 1 to `count` into the personal space of alice, with keys of epoch 1, as uploads do.
async fn upload(server: &TestServer, alice: &mut RawClient, count: u8) {
    let id = server.space_id("alice");
    alice.push_ok(&id.to_string(), &[create(1, "owner")]).await;
    let db = rusqlite::Connection::open(server.folder().join("less-sync.db")).unwrap();
    db.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
    let owner: Vec<u8> = db.query_row("SELECT id FROM records", [], |row| row.get(0)).unwrap();
    for number in 1..=count {
        let file = Uuid::from_u128(u128::from(number) << 64);
        let mut key = [number; 44];
        key[..4].copy_from_slice(&[0, 0, 0, 1]);
        let insert = "INSERT INTO files (space_id, id, record_id, cursor, size, wrapped_dek)
                      VALUES (?1, ?2, ?3, ?4, 5, ?5)";
        let values = params![id.as_bytes(), file.as_bytes(), owner, number + 1, key];
        assert_eq!(db.execute(insert, values).unwrap(), 1);
    }
    let sql = "UPDATE spaces SET cursor = ?2 WHERE id = ?1";
    assert_eq!(db.execute(sql, params![id.as_bytes(), count + 1]).unwrap(), 1);
}

async fn narrow(server: &TestServer) -> RawClient {
    let claims = server.issuer().claims("alice").scope("sync");
    server.raw_with_token(&server.issuer().mint(&claims)).await
}

/// P-146, P-150: rows after a cursor, as chunks and in the result.
#[tokio::test]
async fn keys_of_files_are_listed_for_both_generations() {
    let server = server().await;
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    upload(&server, &mut alice, 3).await;
    for (get, _) in NAMES {
        for (since, skipped) in [(0, 0_u8), (2, 1), (4, 3)] {
            let params = json!({ "space": space, "since": since });
            let (chunks, response) = alice.call_with_chunks(get, &params).await;
            let cursors: Vec<_> = (skipped + 1..=3).map(|number| json!(number + 1)).collect();
            assert!(chunks.iter().all(|chunk| chunk["name"] == "deks.files.record"), "{chunks:?}");
            assert_eq!(
                chunks.iter().map(|chunk| chunk["data"]["cursor"].clone()).collect::<Vec<_>>(),
                cursors
            );
            let rows = response["result"]["deks"].as_array().unwrap();
            assert_eq!(rows.iter().map(|row| row["cursor"].clone()).collect::<Vec<_>>(), cursors);
            assert_eq!(response["result"]["_chunks"], chunks.len());
            let expected: Vec<_> =
                (skipped + 1..=3).map(|number| (file_id(number.into()), dek(1, number))).collect();
            assert_eq!((chunked(&chunks), listed(&response)), (expected.clone(), expected), "{get} {since}");
        }
    }
}

/// P-147, P-148, P-150: rewrap, its faults and their messages.
#[tokio::test]
async fn keys_of_files_are_rewrapped() {
    let server = server().await;
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    upload(&server, &mut alice, 2).await;
    alice.call("epoch.begin", &json!({ "space": space, "epoch": 2 })).await;
    for (round, (get, rewrap)) in (1_u8..).zip(NAMES) {
        let entry = |id: &str, dek: Value| json!({ "id": id, "dek": dek });
        let bad = |message: &str| error("bad_request", message);
        for (faulty, expected) in [
            (entry("not-a-uuid", dek(2, 1)), bad("invalid record: id must be a valid UUID")),
            (entry("", dek(2, 1)), bad("invalid record: id must be non-empty string")),
            (
                entry(&file_id(1), less_sync_test_support::bytes([0; 43])),
                bad("invalid record: wrapped DEK must be exactly 44 bytes"),
            ),
            (
                entry(&file_id(1), dek(3, 1)),
                error("conflict", "DEK epoch does not match current key generation"),
            ),
            (entry(&file_id(9), dek(2, 1)), bad("one or more file DEK records were not found")),
        ] {
            let response = alice.call(rewrap, &json!({ "space": space, "deks": [faulty] })).await;
            assert_eq!(response["error"], expected, "{rewrap}");
        }
        let empty = alice.call(rewrap, &json!({ "space": space, "deks": [] })).await;
        assert_eq!(empty["result"], json!({ "ok": true, "count": 0 }));
        let before = listed(&alice.call(get, &json!({ "space": space })).await);
        let observing =
            json!({ "id": file_id(2), "wrapped_dek": dek(2, round), "observed_wrapped_dek": before[1].1 });
        // Any form of a file's id.
        let simple = entry(&file_id(1).replace('-', ""), dek(2, 10 + round));
        let batch = json!({ "space": space, "deks": [simple, observing] });
        assert_eq!(alice.call(rewrap, &batch).await["result"], json!({ "ok": true, "count": 2 }), "{rewrap}");
        let again = alice.call(rewrap, &batch).await;
        assert_eq!(again["error"], error("conflict", "wrapped DEK was replaced concurrently"));
        let rows = listed(&alice.call(get, &json!({ "space": space })).await);
        assert_eq!(rows, [(file_id(1), dek(2, 10 + round)), (file_id(2), dek(2, round))]);
    }
}

/// P-145, X-21, D-31: an app without the files scope completes a rotation if there are no files.
#[tokio::test]
async fn scope_for_files_is_waived_while_there_are_none() {
    let server = server().await;
    let (mut app, space) = (narrow(&server).await, server.space("alice"));
    let rejected = error("forbidden", "files scope required");
    let some = json!({ "space": space, "deks": [{ "id": file_id(1), "dek": dek(1, 1) }] });
    let none = json!({ "space": space, "deks": [] });
    for (get, rewrap) in NAMES {
        let response = app.call(get, &json!({ "space": space })).await;
        assert_eq!(response["result"], json!({ "_chunks": 0, "deks": [] }), "{get}");
        assert_eq!(app.call(rewrap, &none).await["result"], json!({ "ok": true, "count": 0 }), "{rewrap}");
        assert_eq!(app.call(rewrap, &some).await["error"], rejected, "{rewrap}");
    }
    upload(&server, &mut server.raw("alice").await, 1).await;
    for (get, rewrap) in NAMES {
        let (chunks, response) = app.call_with_chunks(get, &json!({ "space": space })).await;
        assert_eq!((chunks.len(), &response["error"]), (0, &rejected), "{get}");
        for params in [&none, &some] {
            assert_eq!(app.call(rewrap, params).await["error"], rejected, "{rewrap}");
        }
    }
    let foreign = json!({ "space": server.space("bob"), "deks": [] });
    for (get, rewrap) in NAMES {
        for method in [get, rewrap] {
            assert_eq!(
                app.call(method, &foreign).await["error"],
                error("forbidden", "forbidden"),
                "{method}"
            );
        }
    }
}
