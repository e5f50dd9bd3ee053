//! `pull` (protocol §4.4, §5.4) and the lanes of a connection (protocol §2.5).

use less_sync_test_support::{RawClient, TestServer, bytes, create, delete, record_id, update};
use serde_json::{Value, json};

fn begin(space: &str, prev: i64, cursor: i64) -> (String, Value) {
    let data = json!({ "space": space, "prev": prev, "cursor": cursor, "key_generation": 1, "epoch": 1 });
    ("pull.begin".to_owned(), data)
}

fn live(space: &str, index: u128, blob: &str, cursor: i64) -> (String, Value) {
    let data = json!({ "space": space, "id": record_id(index), "blob": bytes(blob), "cursor": cursor });
    ("pull.record".to_owned(), data)
}

fn tombstone(space: &str, index: u128, cursor: i64) -> (String, Value) {
    let data = json!({ "space": space, "id": record_id(index), "cursor": cursor, "deleted": true });
    ("pull.record".to_owned(), data)
}

fn commit(space: &str, prev: i64, cursor: i64, count: i64) -> (String, Value) {
    let data = json!({ "space": space, "prev": prev, "cursor": cursor, "count": count });
    ("pull.commit".to_owned(), data)
}

async fn alice() -> (TestServer, String, RawClient) {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let client = server.raw("alice").await;
    (server, space, client)
}

/// P-188, G1
#[tokio::test]
async fn a_pull_is_begin_records_commit_and_a_count() {
    let (_server, space, mut alice) = alice().await;
    alice.push_ok(&space, &[create(1, "x")]).await;
    let chunks = alice.pull(&space, 0).await;
    assert_eq!(chunks, [begin(&space, 0, 1), live(&space, 1, "x", 1), commit(&space, 0, 1, 1)]);
}

/// P-198
#[tokio::test]
async fn tombstones_are_hidden_from_a_first_pull_and_shown_to_a_later_one() {
    let (_server, space, mut alice) = alice().await;
    alice.push_ok(&space, &[create(1, "x"), create(2, "y")]).await;
    alice.push_ok(&space, &[delete(1, 1)]).await;
    let first = alice.pull(&space, 0).await;
    assert_eq!(first, [begin(&space, 0, 2), live(&space, 2, "y", 1), commit(&space, 0, 2, 1)]);
    let later = alice.pull(&space, 1).await;
    assert_eq!(later, [begin(&space, 1, 2), tombstone(&space, 1, 2), commit(&space, 1, 2, 1)]);
}

/// P-199
#[tokio::test]
async fn rows_come_by_cursor_and_then_by_id() {
    let (_server, space, mut alice) = alice().await;
    alice.push_ok(&space, &[create(3, "c"), create(1, "a"), create(2, "b")]).await;
    alice.push_ok(&space, &[update(1, "A", 1)]).await;
    let expected = [
        begin(&space, 0, 2),
        live(&space, 2, "b", 1),
        live(&space, 3, "c", 1),
        live(&space, 1, "A", 2),
        commit(&space, 0, 2, 3),
    ];
    assert_eq!(alice.pull(&space, 0).await, expected);
}

/// P-200, P-189: an empty space is committed; a space without access has no chunk.
#[tokio::test]
async fn empty_spaces_are_committed_and_foreign_ones_skipped() {
    let (server, space, mut alice) = alice().await;
    let entry = |id: &str| json!({ "id": id, "since": 0 });
    let spaces = [entry("nonsense"), entry(&server.space("bob")), entry(&space)];
    let (chunks, response) = alice.call_with_chunks("pull", &json!({ "spaces": spaces })).await;
    assert_eq!(response["result"], json!({ "_chunks": 2 }));
    assert_eq!(chunks[0]["data"], begin(&space, 0, 0).1);
    assert_eq!(chunks[1]["data"], commit(&space, 0, 0, 0).1);
}

/// G-18
#[tokio::test]
async fn a_space_named_twice_is_sent_once() {
    let (_server, space, mut alice) = alice().await;
    let spaces = [json!({ "id": space, "since": 0 }), json!({ "id": space.to_uppercase(), "since": 0 })];
    let (chunks, response) = alice.call_with_chunks("pull", &json!({ "spaces": spaces })).await;
    assert_eq!((chunks.len(), &response["result"]), (2, &json!({ "_chunks": 2 })));
}

#[tokio::test]
async fn undecodable_params_are_invalid_and_too_many_spaces_rejected() {
    let (_server, space, mut alice) = alice().await;
    for params in [
        json!(null),
        json!({}),
        json!({ "spaces": [{ "id": space }] }),
        json!({ "spaces": [{ "id": space, "since": -1 }] }),
        json!({ "spaces": [], "on_cursor_ahead": 1 }),
    ] {
        let response = alice.call("pull", &params).await;
        let error = json!({ "code": "invalid_params", "message": "invalid pull params" });
        assert_eq!(response["error"], error, "{params}");
    }
    let many = vec![json!({ "id": "x", "since": 0 }); 1001];
    let response = alice.call("pull", &json!({ "spaces": many })).await;
    let error = json!({ "code": "bad_request", "message": "too many spaces in pull request" });
    assert_eq!(response["error"], error);
}

///
#[tokio::test]
async fn a_client_that_is_ahead_starts_over_with_tombstones() {
    let (_server, space, mut alice) = alice().await;
    alice.push_ok(&space, &[create(1, "x"), create(2, "y")]).await;
    alice.push_ok(&space, &[delete(1, 1)]).await;
    let rewound = alice.pull(&space, 9).await;
    let rows = [live(&space, 2, "y", 1), tombstone(&space, 1, 2)];
    assert_eq!(rewound, [&[begin(&space, 0, 2)][..], &rows, &[commit(&space, 0, 2, 2)]].concat());
    let asked = json!({ "spaces": [{ "id": space, "since": 9 }], "on_cursor_ahead": "rewind" });
    assert_eq!(alice.call_with_chunks("pull", &asked).await.0.len(), 4);
    let asked = json!({ "spaces": [{ "id": space, "since": 9 }], "on_cursor_ahead": "error" });
    let error = json!({ "code": "cursor_ahead", "message": "since 9 exceeds current cursor 2" });
    assert_eq!(alice.call("pull", &asked).await["error"], error);
}

/// a pull sees earlier pushes of its connection, without waiting for their responses.
#[tokio::test]
async fn a_pull_sees_an_earlier_pipelined_push() {
    let (_server, space, mut alice) = alice().await;
    for round in 1..=50_i64 {
        let change = create(u128::try_from(round).unwrap(), "x");
        alice.request("push", &json!({ "space": space, "changes": [change] })).await;
        let chunks = alice.pull(&space, round - 1).await;
        assert_eq!(chunks[0].1["cursor"], round);
        assert_eq!(chunks.len(), 3);
    }
}

/// Fills alice's space with more than any socket buffer takes.
async fn fill(server: &TestServer, space: &str) {
    let mut writer = server.raw("alice").await;
    for index in 0..16 {
        writer.push_ok(space, &[create(index, vec![7; 4 * 1024 * 1024])]).await;
    }
}

/// X-10, G1: while a pull waits for its reader, the same connection pushes.
#[tokio::test]
async fn a_push_is_not_delayed_by_an_unread_pull() {
    let (server, space, mut alice) = alice().await;
    fill(&server, &space).await;
    let mut watcher = server.raw("alice").await;
    watcher.subscribe(&space).await;
    let pull = alice.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    let push = alice.request("push", &json!({ "space": space, "changes": [create(100, "x")] })).await;
    assert_eq!(watcher.receive_notification("sync").await["cursor"], 17);
    // The client reads from here on: the push has its response in the middle of the pull.
    let mut responses = Vec::new();
    while responses.len() < 2 {
        let frame = alice.receive_rpc().await;
        if frame["type"] == 1 {
            responses.push(frame["id"].clone());
        }
    }
    assert_eq!(responses, [push, pull]);
}

/// Sixteen clients that do not read their pulls do not block other clients.
#[tokio::test]
async fn unread_pulls_do_not_block_other_clients() {
    let server = TestServer::with_limits(|limits| limits.max_connections_per_mailbox = 30).await;
    let space = server.space("alice");
    fill(&server, &space).await;
    let mut deaf = Vec::new();
    for _ in 0..16 {
        let mut client = server.raw("alice").await;
        client.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
        deaf.push(client);
    }
    let mut bob = server.raw("bob").await;
    let space_of_bob = server.space("bob");
    for index in 0..20 {
        bob.push_ok(&space_of_bob, &[create(index, "x")]).await;
        assert_eq!(bob.pull(&space_of_bob, 0).await.len(), usize::try_from(index).unwrap() + 3);
    }
    assert_eq!(server.get("/health").await.status, 200);
    // Late readers receive all chunks.
    let mut late = deaf.pop().unwrap();
    loop {
        let frame = late.receive_rpc().await;
        if frame["type"] == 1 {
            assert_eq!(frame["result"]["_chunks"], 18);
            break;
        }
    }
}

/// Rows that move past the bound while a client reads follow there, before the commit, which announces the bound.
#[tokio::test]
async fn a_row_that_moves_while_a_client_reads_follows_beyond_the_bound() {
    let (server, space, mut alice) = alice().await;
    fill(&server, &space).await;
    alice.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    let first = alice.receive_rpc().await;
    assert_eq!((&first["name"], &first["data"]["cursor"]), (&json!("pull.begin"), &json!(16)));
    let mut writer = server.raw("alice").await;
    writer.push_ok(&space, &[update(15, "moved", 16)]).await;
    let mut cursors = Vec::new();
    let commit = loop {
        let frame = alice.receive_rpc().await;
        if frame["name"] == "pull.commit" {
            break frame["data"].clone();
        }
        cursors.push(frame["data"]["cursor"].as_u64().unwrap());
    };
    let expected: Vec<u64> = (1..=15).chain([17]).collect();
    assert_eq!(cursors, expected);
    assert_eq!((&commit["cursor"], &commit["count"]), (&json!(16), &json!(16)));
    let next = alice.pull(&space, 16).await;
    assert_eq!(next[1], live(&space, 15, "moved", 17));
}
