//! `push` (protocol §4.3).

use std::collections::HashMap;

use less_sync_test_support::{TestServer, bytes, create, delete, record_id, update};
use serde_json::{Value, json};

fn rejected(code: &str) -> Value {
    json!({ "ok": false, "error": code })
}

fn conflict_at(cursor: i64) -> Value {
    json!({ "ok": false, "cursor": cursor, "error": "conflict" })
}

/// P-180, P-192
#[tokio::test]
async fn a_record_is_created_updated_and_deleted_once() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    assert_eq!(alice.push(&space, &[create(1, "one")]).await, json!({ "ok": true, "cursor": 1 }));
    assert_eq!(alice.push_ok(&space, &[update(1, "two", 1)]).await, 2);
    assert_eq!(alice.push_ok(&space, &[delete(1, 2)]).await, 3);
    assert_eq!(alice.push(&space, &[create(1, "again")]).await, conflict_at(3));
}

/// P-181, P-193, D-11: the result of a conflict contains the current cursor.
#[tokio::test]
async fn every_lost_race_is_a_conflict_at_the_current_cursor() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    alice.push_ok(&space, &[create(1, "x")]).await;
    alice.push_ok(&space, &[create(2, "x")]).await;
    for (what, change) in [
        ("exists", create(1, "y")),
        ("was modified", update(1, "y", 2)),
        ("is not there", update(3, "y", 1)),
        ("is not there to delete", delete(3, 1)),
    ] {
        assert_eq!(alice.push(&space, &[change]).await, conflict_at(2), "{what}");
    }
}

/// P-194, P-195
#[tokio::test]
async fn a_push_is_written_whole_or_not_at_all() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    assert_eq!(alice.push_ok(&space, &[create(1, "a"), create(2, "b"), create(3, "c")]).await, 1);
    let half = [update(1, "A", 1), create(4, "d"), create(2, "conflict")];
    assert_eq!(alice.push(&space, &half).await, conflict_at(1));
    let rows: Vec<_> =
        alice.pull(&space, 0).await.into_iter().filter(|(name, _)| name == "pull.record").collect();
    let seen: Vec<_> = rows.iter().map(|(_, data)| (&data["id"], &data["cursor"], &data["blob"])).collect();
    let expected = [(1, "a"), (2, "b"), (3, "c")].map(|(index, blob)| (json!(record_id(index)), bytes(blob)));
    let one = json!(1);
    assert_eq!(seen, expected.each_ref().map(|(id, blob)| (id, &one, blob)));
}

/// P-182, P-183, P-196
#[tokio::test]
async fn invalid_changes_are_rejected_in_the_result() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    let with_id = |id: &str| json!({ "id": id, "blob": bytes("x"), "expected_cursor": 0 });
    let with_dek =
        |dek: Value| json!({ "id": record_id(1), "blob": bytes("x"), "expected_cursor": 0, "dek": dek });
    for (what, space, changes, code) in [
        ("no space id", "nonsense", vec![create(1, "x")], "bad_request"),
        ("a foreign space", &server.space("bob"), vec![create(1, "x")], "forbidden"),
        ("a record id without hyphens", &space, vec![with_id(&record_id(1).replace('-', ""))], "bad_request"),
        ("no record id", &space, vec![with_id("nonsense")], "bad_request"),
        ("one record twice", &space, vec![create(1, "x"), create(1, "y")], "bad_request"),
        (
            "one record in two cases",
            &space,
            vec![with_id(&record_id(0xabc)), with_id(&record_id(0xabc).to_uppercase())],
            "bad_request",
        ),
        ("a negative cursor", &space, vec![update(1, "x", -1)], "bad_request"),
        ("a short DEK", &space, vec![with_dek(bytes([0; 43]))], "bad_request"),
        ("a long DEK", &space, vec![with_dek(bytes([0; 45]))], "bad_request"),
    ] {
        assert_eq!(alice.push(space, &changes).await, rejected(code), "{what}");
    }
    assert_eq!(alice.subscribe(&space).await["cursor"], 0);
}

/// P-184
#[tokio::test]
async fn undecodable_params_are_invalid() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    for params in [
        json!(null),
        json!({}),
        json!({ "space": space }),
        json!({ "space": space, "changes": [{ "id": record_id(1) }] }),
        json!({ "space": space, "changes": [{ "id": record_id(1), "expected_cursor": 0, "blob": "text" }] }),
        json!({ "space": space, "changes": [{ "id": record_id(1), "expected_cursor": 0, "blob": [1, 2] }] }),
        json!({ "space": space, "changes": [], "epoch": -1 }),
        json!({ "space": space, "changes": [], "epoch": 2_147_483_648_i64 }),
    ] {
        let response = alice.call("push", &params).await;
        let error = json!({ "code": "invalid_params", "message": "invalid push params" });
        assert_eq!(response["error"], error, "{params}");
    }
}

/// P-196: an empty push moves no cursor and sends no notification.
#[tokio::test]
async fn an_empty_push_returns_the_cursor() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut alice, mut watcher] = [server.raw("alice").await, server.raw("alice").await];
    assert_eq!(alice.push(&space, &[]).await, json!({ "ok": true }));
    watcher.subscribe(&space).await;
    alice.push_ok(&space, &[create(1, "x")]).await;
    assert_eq!(watcher.receive_notification("sync").await["cursor"], 1);
    assert_eq!(alice.push(&space, &[]).await, json!({ "ok": true, "cursor": 1 }));
    watcher.assert_quiet().await;
}

/// G-12, P-196
#[tokio::test]
async fn a_blob_of_5_mib_fits_and_not_one_byte_more() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut alice, mut watcher] = [server.raw("alice").await, server.raw("alice").await];
    watcher.subscribe(&space).await;
    let largest = vec![0x5a; 5_242_880];
    let too_large = vec![0; 5_242_881];
    assert_eq!(alice.push(&space, &[create(1, too_large)]).await, rejected("payload_too_large"));
    assert_eq!(alice.push_ok(&space, &[create(1, &largest)]).await, 1);
    // too large for one frame, so that the watcher gets a hint to pull.
    let hint = watcher.receive_notification("sync").await;
    let keys =
        json!({ "space": space, "prev": 1, "cursor": 1, "key_generation": 1, "epoch": 1, "records": [] });
    assert_eq!(hint, keys);
    let chunks = watcher.pull(&space, 0).await;
    assert!(chunks[1].1["blob"] == bytes(&largest), "another blob came back");
}

/// newer-clients R1, R2: either name of the data key, or both when they agree.
#[tokio::test]
async fn a_data_key_has_two_names() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    let dek = bytes([&[0, 0, 0, 1][..], &[7; 40]].concat());
    let other = bytes([&[0, 0, 0, 1][..], &[8; 40]].concat());
    let change = |index, keys: &[(&str, &Value)]| {
        let mut change = create(index, "x");
        for (name, dek) in keys {
            change[name] = (*dek).clone();
        }
        change
    };
    alice.push_ok(&space, &[change(1, &[("dek", &dek)])]).await;
    alice.push_ok(&space, &[change(2, &[("wrapped_dek", &dek)])]).await;
    alice.push_ok(&space, &[change(3, &[("dek", &dek), ("wrapped_dek", &dek)])]).await;
    let both = change(4, &[("dek", &dek), ("wrapped_dek", &other)]);
    assert_eq!(alice.push(&space, &[both]).await, rejected("bad_request"));
    for (name, data) in alice.pull(&space, 0).await {
        if name == "pull.record" {
            assert_eq!((&data["dek"], &data["wrapped_dek"]), (&dek, &dek), "{data}");
        }
    }
}

/// P-201
#[tokio::test]
async fn spaces_do_not_leak_into_each_other() {
    let server = TestServer::start().await;
    let mut cursors = Vec::new();
    for user in ["alice", "bob"] {
        let mut client = server.raw(user).await;
        cursors.push(client.push_ok(&server.space(user), &[create(1, user)]).await);
        let rows = client.pull(&server.space(user), 0).await;
        assert_eq!(rows[1].1["blob"], bytes(user));
        assert_eq!(rows.len(), 3);
    }
    assert_eq!(cursors, [1, 1]);
}

/// Two apps of one user have a space each.
#[tokio::test]
async fn apps_of_one_user_have_separate_spaces() {
    let server = TestServer::start().await;
    let claims = server.issuer().claims("alice").client("client-2");
    let mut other_app = server.raw_with_token(&server.issuer().mint(&claims)).await;
    assert_eq!(other_app.push(&server.space("alice"), &[]).await, rejected("forbidden"));
}

/// Protocol §2.5: pushes sent without waiting share commits and still take effect in the order of sending. Each expects
/// what the one before it leaves behind; every tenth is empty, and one is malformed.
#[tokio::test]
async fn pushes_sent_without_waiting_take_effect_in_order() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    let mut expected = HashMap::new();
    let mut cursor = 0;
    for number in 0..500 {
        let (changes, result) = match number % 10 {
            8 => (vec![], json!({ "ok": true, "cursor": cursor })),
            9 => (vec![create(1, "x"), create(1, "x")], rejected("bad_request")),
            _ => {
                cursor += 1;
                (vec![update(1, "next", cursor - 1)], json!({ "ok": true, "cursor": cursor }))
            }
        };
        let id = alice.request("push", &json!({ "space": space, "changes": changes })).await;
        expected.insert(id, result);
    }
    while !expected.is_empty() {
        let response = alice.receive_rpc().await;
        let result = expected.remove(response["id"].as_str().unwrap()).unwrap();
        assert_eq!(response["result"], result, "{response}");
    }
}

/// P2 on the wire: of many writers with the same expected cursor exactly one succeeds.
#[tokio::test]
async fn of_many_writers_with_one_expected_cursor_one_wins() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut first = server.raw("alice").await;
    let mut cursor = first.push_ok(&space, &[create(1, "start")]).await;
    let mut writers = Vec::new();
    for _ in 0..8 {
        writers.push(server.raw("alice").await);
    }
    for _ in 0..50 {
        let push = |writer| async {
            let writer: &mut less_sync_test_support::RawClient = writer;
            writer.push(&space, &[update(1, "mine", cursor)]).await
        };
        let results = futures_util::future::join_all(writers.iter_mut().map(push)).await;
        let won: Vec<_> = results.iter().filter(|result| result["ok"] == true).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        cursor = won[0]["cursor"].as_i64().unwrap();
    }
    assert_eq!(cursor, 51);
}

/// Protocol §4.3, check 5; decision 0016.
#[tokio::test]
async fn a_push_of_5000_changes_fits_and_not_one_more() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    let mut changes: Vec<Value> = (0..5_001).map(|index| delete(index, 0)).collect();
    assert_eq!(alice.push(&space, &changes).await, rejected("payload_too_large"));
    changes.pop();
    assert_eq!(alice.push_ok(&space, &changes).await, 1);
}
