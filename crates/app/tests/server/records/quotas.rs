//! Quotas of stored bytes for pushes (storage §3.20, protocol §4.3).

use less_sync_core::Permission;
use less_sync_test_support::{Member, SharedSpace, TestServer, create, delete, update};
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;

/// Stored bytes of a record beside its blob.
const ROW: usize = 128;

/// A value for `IDENTITY_HASH_KEY`.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn full() -> Value {
    json!({ "ok": false, "error": "payload_too_large" })
}

#[tokio::test]
async fn space_at_its_quota_takes_deletions_and_what_adds_nothing() {
    let server = TestServer::builder().setting("MAX_SPACE_BYTES", "1 MiB").start().await;
    let (space, of_bob) = (server.space("alice"), server.space("bob"));
    let [mut alice, mut bob] = [server.raw("alice").await, server.raw("bob").await];
    let most = MIB - 2 * ROW;
    assert_eq!(alice.push(&space, &[create(1, vec![0; MIB - ROW + 1])]).await, full());
    assert_eq!(alice.push_ok(&space, &[create(1, vec![0; most])]).await, 1);
    assert_eq!(alice.push_ok(&space, &[create(2, "")]).await, 2);
    for change in [create(3, ""), update(2, "x", 2)] {
        assert_eq!(alice.push(&space, &[change]).await, full());
    }
    assert_eq!(bob.push_ok(&of_bob, &[create(1, vec![0; most])]).await, 1);
    assert_eq!(alice.push_ok(&space, &[update(1, vec![1; most], 1)]).await, 3);
    let exchange = [update(1, vec![2; most - 1], 3), update(2, "x", 2)];
    assert_eq!(alice.push_ok(&space, &exchange).await, 4);
    assert_eq!(alice.push_ok(&space, &[delete(1, 4)]).await, 5);
    assert_eq!(alice.push_ok(&space, &[create(3, vec![0; most - ROW - 1])]).await, 6);
    assert_eq!(alice.push(&space, &[create(4, "")]).await, full());
    let metrics = server.metrics().render();
    assert!(metrics.contains("quota_rejections_total{quota=\"space\"} 4\n"), "{metrics}");
    assert!(metrics.contains("quota_rejections_total{quota=\"user\"} 0\n"), "{metrics}");
}

#[tokio::test]
async fn count_of_a_space_survives_a_restart() {
    let server = TestServer::builder().setting("MAX_SPACE_BYTES", "1 MiB").start().await;
    let space = server.space("alice");
    server.raw("alice").await.push_ok(&space, &[create(1, vec![0; MIB - ROW])]).await;
    let server = server.restart().await;
    let mut alice = server.raw("alice").await;
    assert_eq!(alice.push(&space, &[create(2, "")]).await, full());
    assert_eq!(alice.push_ok(&space, &[delete(1, 1)]).await, 2);
}

/// Pushes of members count against the creator of a shared space, and not against themselves.
#[tokio::test]
async fn quota_of_a_user_spans_their_spaces() {
    let server = TestServer::builder()
        .setting("MAX_USER_BYTES", "1 MiB")
        .setting("IDENTITY_HASH_KEY", KEY)
        .start()
        .await;
    let shared = SharedSpace::create(&server).await;
    let member = Member::random();
    let ucan = shared.invite(&member, Permission::Write);
    let (mut owner, mut bob) = (shared.owner_client().await, server.raw_as("bob", &member).await);
    let (of_owner, of_bob) = (server.space("owner"), server.space("bob"));
    owner.push_ok(&of_owner, &[create(1, vec![0; MIB / 2])]).await;
    let rest = MIB / 2 - 2 * ROW;
    let beyond = bob.push_with(&shared.text(), &ucan, &[create(1, vec![0; rest + 1])]).await;
    assert_eq!(beyond, full());
    let fits = bob.push_with(&shared.text(), &ucan, &[create(1, vec![0; rest])]).await;
    assert_eq!(fits, json!({ "ok": true, "cursor": 1 }));
    assert_eq!(owner.push(&of_owner, &[create(2, "")]).await, full());
    bob.push_ok(&of_bob, &[create(1, vec![0; MIB - ROW])]).await;
    let freed = bob.push_with(&shared.text(), &ucan, &[delete(1, 1)]).await;
    assert_eq!(freed["ok"], true, "{freed}");
    owner.push_ok(&of_owner, &[create(2, vec![0; rest - ROW])]).await;
}

/// A push of more records than one statement of PostgreSQL takes, beside a small one.
#[tokio::test]
async fn large_push_beyond_the_quota_is_rejected_alone() {
    let server = TestServer::builder().setting("MAX_SPACE_BYTES", "1 MiB").start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    let large = |first: u128, bytes: usize| {
        (first..first + 2100).map(|number| create(number, vec![0; bytes])).collect::<Vec<_>>()
    };
    assert_eq!(alice.push(&space, &large(10, 400)).await, full());
    assert_eq!(alice.push_ok(&space, &[create(1, "small")]).await, 1);
    assert_eq!(alice.push_ok(&space, &large(10, 300)).await, 2);
    assert_eq!(alice.push(&space, &large(10_000, 0)).await, full());
}
