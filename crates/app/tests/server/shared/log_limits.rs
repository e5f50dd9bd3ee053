//! Size limits, rate limits and page sizes of the membership log (protocol §1.10, §2.7, §4.8, §4.9).

use std::time::Duration;

use less_sync_core::Permission;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, TestServerBuilder, bytes};
use serde_json::{Value, json};

use crate::rpc_error::error;
use crate::shared::log::{append, fill, hashed, list};

/// A value for `IDENTITY_HASH_KEY`.
pub(crate) const KEY: &str = "3031323334353637383930313233343536373839303132333435363738393031";

fn limited() -> TestServerBuilder {
    TestServer::builder()
        .setting("RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR", "2")
        .setting("RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR_ADMIN", "4")
}

fn limited_to(appends: usize) -> Value {
    error("rate_limited", &format!("rate limit exceeded: max {appends} membership appends per hour"))
}

/// Appends to the end of the log.
async fn append_next(client: &mut RawClient, space: &SharedSpace<'_>, ucan: &str) -> Value {
    let log = list(client_of(space).await.as_mut(), space, &json!({})).await;
    let version = i32::try_from(log["metadata_version"].as_i64().unwrap()).unwrap();
    let prev = log["entries"].as_array().unwrap().last().map(|entry| entry["entry_hash"].clone());
    client.call("membership.append", &append(&space.text(), ucan, version, prev.as_ref(), "next")).await
}

async fn client_of(space: &SharedSpace<'_>) -> Box<RawClient> {
    Box::new(space.owner_client().await)
}

/// P-228: the budget depends on the permission, failures do not count, and both kinds of counters agree.
#[tokio::test]
async fn hourly_budget_depends_on_the_permission_and_counts_successes() {
    for builder in [limited(), limited().setting("IDENTITY_HASH_KEY", KEY)] {
        let server = builder.start().await;
        let space = SharedSpace::create(&server).await;
        let writer = Member::random();
        let ucan = space.invite(&writer, Permission::Write);
        let mut client = server.raw_as("bob", &writer).await;
        for _ in 0..5 {
            let stale = append(&space.text(), &ucan, 7, None, "stale");
            assert_eq!(
                client.call("membership.append", &stale).await["error"],
                error("conflict", "conflict")
            );
        }
        for _ in 0..2 {
            assert!(append_next(&mut client, &space, &ucan).await["result"].is_object());
        }
        assert_eq!(append_next(&mut client, &space, &ucan).await["error"], limited_to(2));
        let (mut owner, root) = (space.owner_client().await, space.root());
        for _ in 0..4 {
            assert!(append_next(&mut owner, &space, root).await["result"].is_object());
        }
        assert_eq!(append_next(&mut owner, &space, root).await["error"], limited_to(4));
    }
}

/// The window slides, and authorization comes before the budget.
#[tokio::test]
async fn budget_is_restored_after_an_hour() {
    let server = limited().manual_clock().start().await;
    let space = SharedSpace::create(&server).await;
    let writer = Member::random();
    let ucan = space.invite(&writer, Permission::Write);
    let mut client = server.raw_as("bob", &writer).await;
    for _ in 0..2 {
        append_next(&mut client, &space, &ucan).await;
    }
    let foreign = append(&space.text(), space.root(), 2, None, "x");
    assert_eq!(client.call("membership.append", &foreign).await["error"], error("forbidden", "forbidden"));
    assert_eq!(append_next(&mut client, &space, &ucan).await["error"], limited_to(2));
    server.clock().advance(Duration::from_hours(1));
    let mut client = server.raw_as("bob", &writer).await;
    assert!(append_next(&mut client, &space, &ucan).await["result"].is_object());
}

/// exact under concurrency. Every connection appends to a log of its own.
#[tokio::test]
async fn concurrent_appends_never_exceed_the_budget() {
    for builder in [limited(), limited().setting("IDENTITY_HASH_KEY", KEY)] {
        let server = builder.start().await;
        let mut appends = Vec::new();
        for _ in 0..8 {
            let space = SharedSpace::create(&server).await;
            let writer = Member::random();
            let params = append(&space.text(), &space.invite(&writer, Permission::Write), 0, None, "x");
            let mut client = server.raw_as("bob", &writer).await;
            appends.push(async move { client.call("membership.append", &params).await });
        }
        let responses = futures_util::future::join_all(appends).await;
        assert_eq!(responses.iter().filter(|response| response["result"].is_object()).count(), 2);
        assert_eq!(responses.iter().filter(|response| response["error"] == limited_to(2)).count(), 6);
    }
}

#[tokio::test]
async fn payload_and_log_size_are_limited() {
    let server = TestServer::builder()
        .setting("MAX_MEMBER_PAYLOAD", "512 KiB")
        .setting("MEMBERSHIP_LOG_CAP", "1 MiB")
        .start()
        .await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let largest = "x".repeat(512 * 1024);
    let params = append(&space.text(), space.root(), 0, None, &(largest.clone() + "x"));
    let too_large = error("payload_too_large", "payload too large");
    assert_eq!(owner.call("membership.append", &params).await["error"], too_large);
    let last = fill(&mut owner, &space, &[&largest]).await;
    let params = append(&space.text(), space.root(), 1, last.as_ref(), &largest);
    let full = error("payload_too_large", "membership log full");
    assert_eq!(owner.call("membership.append", &params).await["error"], full, "twice 128 bytes too many");
    let params = append(&space.text(), space.root(), 1, last.as_ref(), &largest[256..]);
    assert_eq!(owner.call("membership.append", &params).await["result"]["chain_seq"], 2);
}

/// A member cannot fill the log for good: administrators have a quarter of it to themselves.
#[tokio::test]
async fn a_quarter_of_the_log_is_kept_for_administrators() {
    let server = TestServer::builder().setting("MEMBERSHIP_LOG_CAP", "1 MiB").start().await;
    let space = SharedSpace::create(&server).await;
    let reader = Member::random();
    let ucan = space.invite(&reader, Permission::Read);
    let (mut owner, mut client) = (space.owner_client().await, server.raw_as("bob", &reader).await);
    let quarter = "x".repeat(256 * 1024 - 128);
    let last = fill(&mut owner, &space, &[&quarter, &quarter, &quarter]).await;
    let full = error("payload_too_large", "membership log full");
    let by_reader = append(&space.text(), &ucan, 3, last.as_ref(), "x");
    assert_eq!(client.call("membership.append", &by_reader).await["error"], full);
    let by_owner = append(&space.text(), space.root(), 3, last.as_ref(), &quarter);
    assert_eq!(owner.call("membership.append", &by_owner).await["result"]["chain_seq"], 4);
}

/// A member appends at most one entry of the largest size, or a 64th of the log, per day and space.
#[tokio::test]
async fn bytes_of_a_member_in_the_log_are_bounded_per_day() {
    let server = TestServer::builder().setting("MEMBERSHIP_LOG_CAP", "1 MiB").manual_clock().start().await;
    let space = SharedSpace::create(&server).await;
    let reader = Member::random();
    let ucan = space.invite(&reader, Permission::Read);
    let mut client = server.raw_as("bob", &reader).await;
    let largest = "x".repeat(256 * 1024);
    let first = append(&space.text(), &ucan, 0, None, &largest);
    assert_eq!(client.call("membership.append", &first).await["result"]["chain_seq"], 1);
    let last = json!(hashed(&largest).0);
    let full = error("payload_too_large", "membership log full");
    let second = append(&space.text(), &ucan, 1, Some(&last), "x");
    assert_eq!(client.call("membership.append", &second).await["error"], full);
    let stale = append(&space.text(), &ucan, 0, None, "x");
    assert_eq!(client.call("membership.append", &stale).await["error"], error("conflict", "conflict"));
    let mut owner = space.owner_client().await;
    let by_owner = append(&space.text(), space.root(), 1, Some(&last), "x");
    assert_eq!(owner.call("membership.append", &by_owner).await["result"]["chain_seq"], 2);
}

/// Protocol §2.7: the newest entries that fit one frame; the rest on demand.
#[tokio::test]
async fn list_too_large_for_a_frame_omits_the_oldest_entries() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let payloads: Vec<String> =
        (0..15).map(|index| format!("{index:02}") + &"x".repeat(256 * 1024 - 2)).collect();
    let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
    fill(&mut owner, &space, &payloads).await;
    let newest = list(&mut owner, &space, &json!({})).await;
    let entries = newest["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &newest["metadata_version"]), (13, &json!(15)), "3.5 MiB with 128 bytes each");
    assert_eq!((&entries[0]["chain_seq"], &entries[12]["chain_seq"]), (&json!(3), &json!(15)));
    let rest = list(&mut owner, &space, &json!({ "until_seq": 2 })).await;
    assert_eq!(rest["entries"][0]["entry_hash"], hashed(payloads[0]).0);
    assert_eq!(rest["entries"][1]["payload"], bytes(payloads[1]));
}
