//! `epochKeys.put` and `epochKeys.get` (newer-clients §4.1, §4.2).

use std::fs::OpenOptions;

use less_sync_core::Permission;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, bytes};
use serde_json::{Value, json};

use crate::rpc_error::error;

fn no_share() -> Value {
    error("not_found", "no key share for this member")
}

fn share(did: &str, key: impl AsRef<[u8]>) -> Value {
    json!({ "member_did": did, "wrapped_key": bytes(key) })
}

async fn put(client: &mut RawClient, space: &SharedSpace<'_>, epoch: i32, keys: &[Value]) -> Value {
    let params = json!({ "space": space.text(), "ucan": space.root(), "epoch": epoch, "keys": keys });
    client.call("epochKeys.put", &params).await
}

async fn get(client: &mut RawClient, space: &str, ucan: &str, epoch: i32) -> Value {
    client.call("epochKeys.get", &json!({ "space": space, "ucan": ucan, "epoch": epoch })).await
}

/// G-05: a member gets its own share only, selected by the DID of its token.
#[tokio::test]
async fn every_member_gets_its_own_share() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [member, other] = [Member::random(), Member::random()];
    let mut owner = space.owner_client().await;
    let keys =
        [share(member.did(), "old"), share("did:key:zOther", "x"), share(member.did(), "for a member")];
    assert_eq!(
        put(&mut owner, &space, 2, &keys).await["result"],
        json!({ "count": 3 }),
        "the last one counts"
    );
    let ucan = space.invite(&member, Permission::Read);
    let mut reader = server.raw_as("bob", &member).await;
    let params = json!({ "space": space.text(), "ucan": ucan, "epoch": 2, "member_did": "did:key:zOther" });
    let found = reader.call("epochKeys.get", &params).await;
    assert_eq!(found["result"], json!({ "wrapped_key": bytes("for a member") }));
    for epoch in [i32::MIN, 0, 1, 3, i32::MAX] {
        assert_eq!(get(&mut reader, &space.text(), &ucan, epoch).await["error"], no_share(), "{epoch}");
    }
    assert_eq!(
        get(&mut owner, &space.text(), space.root(), 2).await["error"],
        no_share(),
        "an admin without"
    );
    let ucan = space.invite(&other, Permission::Admin);
    let mut without = server.raw_as("carol", &other).await;
    assert_eq!(get(&mut without, &space.text(), &ucan, 2).await["error"], no_share());
    // A new set replaces all of the old one.
    put(&mut owner, &space, 2, &[share(other.did(), "new")]).await;
    let found = get(&mut without, &space.text(), &ucan, 2).await;
    assert_eq!(found["result"], json!({ "wrapped_key": bytes("new") }));
    let ucan = space.invite(&member, Permission::Read);
    assert_eq!(get(&mut reader, &space.text(), &ucan, 2).await["error"], no_share());
}

/// G-05, newer-clients §4.2: shares of the previous epoch are kept for late devices; older ones are deleted.
#[tokio::test]
async fn shares_are_kept_for_two_epochs() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let (mut owner, text) = (space.owner_client().await, space.text());
    let did = space.owner().did().to_owned();
    for epoch in 2..=4 {
        let params = json!({ "space": text, "ucan": space.root(), "epoch": epoch });
        assert_eq!(owner.call("epoch.begin", &params).await["result"], json!({ "epoch": epoch }));
        put(&mut owner, &space, epoch, &[share(&did, epoch.to_string())]).await;
        let wrong = json!({ "space": text, "ucan": space.root(), "epoch": epoch + 1 });
        assert_eq!(owner.call("epoch.complete", &wrong).await["error"], error("conflict", "epoch mismatch"));
        if epoch == 4 {
            let kept = get(&mut owner, &text, space.root(), 2).await;
            assert_eq!(
                kept["result"],
                json!({ "wrapped_key": bytes("2") }),
                "a failed completion deletes nothing"
            );
        }
        assert_eq!(owner.call("epoch.complete", &params).await["result"], json!({}));
    }
    assert_eq!(get(&mut owner, &text, space.root(), 2).await["error"], no_share());
    for epoch in [3, 4] {
        let found = get(&mut owner, &text, space.root(), epoch).await;
        assert_eq!(found["result"], json!({ "wrapped_key": bytes(epoch.to_string()) }));
    }
}

/// G-08 with the message of each fault; a rejected set leaves the old one (G-07, as far as visible from outside).
#[tokio::test]
async fn sets_and_shares_have_bounds() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let did = space.owner().did().to_owned();
    let many = |count: usize| -> Vec<Value> {
        (0..count).map(|number| share(&format!("did:{number}"), [1; 2048])).collect()
    };
    let (count, invalid) = (
        error("bad_request", "keys must contain 1..=1000 shares"),
        error("bad_request", "invalid epoch key share"),
    );
    put(&mut owner, &space, 1, &[share(&did, "kept")]).await;
    for (keys, expected) in [
        (vec![], &count),
        (many(1001), &count),
        (vec![share(&did, "")], &invalid),
        (vec![share(&did, [1; 2049])], &invalid),
        (vec![share("", "k")], &invalid),
        (vec![share(&"d".repeat(256), "k")], &invalid),
        (vec![share(&did, "k"), share("", "k")], &invalid),
    ] {
        let response = put(&mut owner, &space, 1, &keys).await;
        assert_eq!(&response["error"], expected, "{} keys", keys.len());
    }
    for epoch in [i32::MIN, 0, 3, i32::MAX] {
        let response = put(&mut owner, &space, epoch, &[share(&did, "k")]).await;
        assert_eq!(response["error"], error("bad_request", "invalid epoch"), "{epoch}");
    }
    let kept = get(&mut owner, &space.text(), space.root(), 1).await;
    assert_eq!(kept["result"], json!({ "wrapped_key": bytes("kept") }));
    assert_eq!(put(&mut owner, &space, 2, &many(1000)).await["result"], json!({ "count": 1000 }));
    for share in [share(&did, "k"), share(&"d".repeat(255), [1; 2048])] {
        assert_eq!(put(&mut owner, &space, 2, &[share]).await["result"], json!({ "count": 1 }));
    }
    owner.subscribe_with(&space.text(), space.root()).await;
    put(&mut owner, &space, 2, &many(1)).await;
    let state = owner.subscribe_with(&space.text(), space.root()).await;
    assert_eq!(state["cursor"], 0, "no cursor moves");
    owner.assert_quiet().await;
}

/// Undecodable params, ids, and the order of checks: authorization comes before validation.
#[tokio::test]
async fn malformed_requests_are_rejected_with_their_messages() {
    let server = TestServer::start().await;
    let (mut alice, own) = (server.raw("alice").await, server.space("alice"));
    for method in ["epochKeys.put", "epochKeys.get"] {
        for params in [json!([]), json!({ "space": own, "keys": [] }), json!({ "epoch": 1, "keys": [] })] {
            let response = alice.call(method, &params).await;
            let expected = error("invalid_params", &format!("invalid {method} params"));
            assert_eq!(response["error"], expected, "{params}");
        }
        for (space, expected) in [
            ("x", error("bad_request", "invalid space id")),
            (&server.space("bob"), error("forbidden", "forbidden")),
        ] {
            let response = alice.call(method, &json!({ "space": space, "epoch": 1, "keys": [] })).await;
            assert_eq!(response["error"], expected, "{method}");
        }
    }
    // The token of alice has no DID, so that no share can belong to her.
    assert_eq!(get(&mut alice, &own, "", 1).await["error"], error("forbidden", "forbidden"));
    let member = Member::random();
    let mut named = server.raw_as("alice", &member).await;
    let params = json!({ "space": own, "epoch": 1, "keys": [share(member.did(), "k")] });
    assert_eq!(named.call("epochKeys.put", &params).await["result"], json!({ "count": 1 }));
    assert_eq!(get(&mut named, &own, "", 1).await["result"], json!({ "wrapped_key": bytes("k") }));
}

/// G-06: an outage is never `not_found`.
#[tokio::test]
async fn outage_is_never_not_found() {
    let server = TestServer::builder().embedded().start().await;
    let member = Member::random();
    let (space, ucan) = {
        let space = SharedSpace::create(&server).await;
        put(&mut space.owner_client().await, &space, 1, &[share(member.did(), "k")]).await;
        (space.text(), space.invite(&member, Permission::Read))
    };
    let server = server.restart().await;
    let file = OpenOptions::new().write(true).open(server.folder().join("less-sync.db")).unwrap();
    file.set_len(4096).unwrap();
    let mut client = server.raw_as("bob", &member).await;
    for epoch in [1, 2] {
        let response = get(&mut client, &space, &ucan, epoch).await;
        assert_eq!(response["error"], error("internal", "internal"));
    }
}
