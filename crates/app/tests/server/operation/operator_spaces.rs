//! Admin routes about spaces: lists, pending rewraps, and the removal of a space (operations §9.1).

use std::time::Duration;

use less_sync_test_support::{RawClient, SharedSpace, TestServer, create};
use serde_json::{Value, json};

use crate::operation::operator::{ask, get, rejected, server};
use crate::operation::scrape::Scrape;

/// Bytes of a row beside its content (storage §3.20).
const ROW: usize = 128;

async fn filled(server: &TestServer, user: &str, bytes: usize) -> (RawClient, String) {
    let (mut client, space) = (server.raw(user).await, server.space(user));
    client.subscribe(&space).await;
    client.push_ok(&space, &[create(1, vec![7; bytes])]).await;
    (client, space)
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["spaces"].as_array().unwrap().iter().map(|space| space["id"].as_str().unwrap()).collect()
}

async fn purge(server: &TestServer, space: &str) -> Value {
    let answer = ask(server, "DELETE", &format!("/admin/spaces/{space}")).await;
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn spaces_are_listed_by_bytes_and_by_watchers() {
    let server = server().await;
    let (mut alice, large) = filled(&server, "alice", 3000).await;
    let (_bob, small) = filled(&server, "bob", 10).await;
    let (_carol, middle) = filled(&server, "carol", 1000).await;
    let mut second = server.raw("bob").await;
    second.subscribe(&small).await;
    alice.assert_alive().await;
    let by_bytes = get(&server, "/admin/spaces?sort=bytes").await;
    assert_eq!(ids(&by_bytes), [large.as_str(), middle.as_str(), small.as_str()]);
    assert_eq!((&by_bytes["visited"], &by_bytes["next_after"]), (&json!(3), &Value::Null));
    let first = &by_bytes["spaces"][0];
    assert_eq!((&first["stored_bytes"], &first["kind"]), (&json!(3000 + ROW), &json!("personal")));
    assert_eq!(first["rows"], json!({ "records": 1, "files": 0, "members": 0 }));
    let by_watchers = get(&server, "/admin/spaces?sort=watchers&limit=1").await;
    assert_eq!((ids(&by_watchers), &by_watchers["spaces"][0]["watchers"]), (vec![small.as_str()], &json!(2)));
    let page = get(&server, "/admin/spaces?limit=2").await;
    let next = page["next_after"].as_str().unwrap();
    let rest = get(&server, &format!("/admin/spaces?limit=2&after={next}")).await;
    let mut all = [ids(&page), ids(&rest)].concat();
    assert!(all.is_sorted() && rest["next_after"].is_null(), "{all:?}");
    all.sort_unstable();
    let mut expected = [large.as_str(), small.as_str(), middle.as_str()];
    expected.sort_unstable();
    assert_eq!(all, expected);
    let shown = get(&server, &format!("/admin/spaces/{small}")).await;
    assert_eq!((&shown["watchers"], &shown["cursor"]), (&json!(2), &json!(1)));
    let unknown = "/admin/spaces/00000000-0000-0000-0000-000000000009";
    assert_eq!(rejected(&server, "GET", unknown).await, (404, "space does not exist".to_owned()));
    assert_eq!(rejected(&server, "GET", "/admin/spaces/x").await.0, 400);
}

#[tokio::test]
async fn pending_rewraps_are_listed() {
    let server = server().await;
    let (mut alice, space) = filled(&server, "alice", 10).await;
    filled(&server, "bob", 10).await;
    assert_eq!(ids(&get(&server, "/admin/rewraps").await), Vec::<&str>::new());
    let begun = alice.call("epoch.begin", &json!({ "space": space, "epoch": 2 })).await;
    assert!(begun.get("result").is_some(), "{begun}");
    let pending = get(&server, "/admin/rewraps").await;
    assert_eq!((ids(&pending), &pending["spaces"][0]["rewrap_epoch"]), (vec![space.as_str()], &json!(2)));
}

/// Operations §7.2: a job measures them, on either store.
#[tokio::test]
async fn pending_rewraps_are_measured() {
    let server = TestServer::builder().manual_clock().setting("ADMIN_ADDR", "127.0.0.1:0").start().await;
    let (mut alice, space) = filled(&server, "alice", 10).await;
    let pending = || async { Scrape::of(&server).await.value("spaces_rewrap_pending") };
    assert_eq!(pending().await, Some(0.0));
    alice.call("epoch.begin", &json!({ "space": space, "epoch": 2 })).await;
    let measured = || async {
        while pending().await != Some(1.0) {
            server.clock().advance(Duration::from_mins(1));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), measured()).await.unwrap();
    let oldest = Scrape::of(&server).await.value("spaces_rewrap_pending_oldest_seconds");
    assert!(oldest.is_some_and(|seconds| seconds < 60.0), "{oldest:?}");
}

/// Watchers learn of it, and the space starts anew with the next use.
#[tokio::test]
async fn personal_space_is_purged_under_its_watchers() {
    let server = server().await;
    let (mut alice, space) = filled(&server, "alice", 10).await;
    let (mut bob, kept) = filled(&server, "bob", 10).await;
    assert_eq!(purge(&server, &space).await, json!({ "rows": 1, "done": true }));
    assert_eq!(alice.receive_notification("resubscribe").await["spaces"], json!([space]));
    assert_eq!(rejected(&server, "GET", &format!("/admin/spaces/{space}")).await.0, 404);
    assert_eq!(rejected(&server, "DELETE", &format!("/admin/spaces/{space}")).await.0, 404);
    assert_eq!(alice.subscribe(&space).await["cursor"], 0);
    assert_eq!(alice.push_ok(&space, &[create(1, "anew")]).await, 1);
    bob.assert_quiet().await;
    assert_eq!(bob.subscribe(&kept).await["cursor"], 1);
}

/// A rejection would make clients delete their local data (auth S-24).
#[tokio::test]
async fn purged_shared_space_is_unknown_to_its_members() {
    let server = server().await;
    let shared = SharedSpace::create(&server).await;
    let (mut owner, space) = (shared.owner_client().await, shared.text());
    let pushed = owner.push_with(&space, shared.root(), &[create(1, "x")]).await;
    assert_eq!(pushed["ok"], true, "{pushed}");
    assert_eq!(purge(&server, &space).await["done"], true);
    let pushed = owner.push_with(&space, shared.root(), &[create(2, "y")]).await;
    assert_eq!(pushed["error"], "home_unavailable", "{pushed}");
    let denials = get(&server, &format!("/admin/denials?space={space}")).await;
    assert_eq!(denials["denials"][0]["rule"], "unknown_space");
}
