//! `epoch.begin` and `epoch.complete` (protocol §4.14, §4.15, newer-clients §3.3).

use less_sync_core::Permission;
use less_sync_test_support::{
    Member, RawClient, SharedSpace, TestServer, bytes, create, delete, random_space, record_id,
};
use serde_json::{Value, json};

use crate::rpc_error::error;

/// A data key of this epoch.
fn dek(epoch: u8) -> Value {
    let mut dek = [0xd0 + epoch; 44];
    dek[..4].copy_from_slice(&[0, 0, 0, epoch]);
    bytes(dek)
}

/// Creates test record number `index` with a data key of this epoch.
fn keyed(index: u128, epoch: u8) -> Value {
    let mut change = create(index, "x");
    change["dek"] = dek(epoch);
    change
}

async fn epoch(client: &mut RawClient, method: &str, space: &SharedSpace<'_>, epoch: i64) -> Value {
    let params = json!({ "space": space.text(), "ucan": space.root(), "epoch": epoch });
    client.call(&format!("epoch.{method}"), &params).await
}

async fn begin(client: &mut RawClient, space: &SharedSpace<'_>, number: i64) -> Value {
    epoch(client, "begin", space, number).await["result"].clone()
}

/// P-130, P-133, P-134, P-138: an epoch begins, is part of every state of the space, and ends; both calls are
/// idempotent.
#[tokio::test]
async fn epoch_begins_and_ends() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let mismatch = error("conflict", "epoch mismatch");
    assert_eq!(epoch(&mut owner, "complete", &space, 1).await["error"], mismatch, "nothing is pending");
    assert_eq!(begin(&mut owner, &space, 2).await, json!({ "epoch": 2 }));
    let state = owner.subscribe_with(&space.text(), space.root()).await;
    let [generation, epoch_now, rewrap] =
        ["key_generation", "epoch", "rewrap_epoch"].map(|name| &state[name]);
    assert_eq!([generation, epoch_now, rewrap], [&json!(2), &json!(2), &json!(2)], "{state}");
    assert_eq!(state["cursor"], 0, "no cursor moves");
    assert_eq!(epoch(&mut owner, "complete", &space, 3).await["error"], mismatch);
    for _ in 0..2 {
        assert_eq!(epoch(&mut owner, "complete", &space, 2).await["result"], json!({}));
    }
    let state = owner.subscribe_with(&space.text(), space.root()).await;
    assert!(state.get("rewrap_epoch").is_none(), "omitted, never null: {state}");
    owner.assert_quiet().await;
}

/// P-131, P-136, P-137, D-05: the loser of the race gets a result, for every requested number.
#[tokio::test]
async fn losing_the_race_is_a_result() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let idle = json!({ "error": "epoch_conflict", "current_epoch": 1 });
    for number in [i64::from(i32::MIN), -1, 0, 1, 3, i64::from(i32::MAX)] {
        assert_eq!(begin(&mut owner, &space, number).await, idle, "{number}");
    }
    assert_eq!(begin(&mut owner, &space, 2).await, json!({ "epoch": 2 }));
    let pending = json!({ "error": "epoch_conflict", "current_epoch": 2, "rewrap_epoch": 2 });
    for number in [2, 3] {
        assert_eq!(begin(&mut owner, &space, number).await, pending, "{number}");
    }
}

/// X-22, P-137, G-11: after a removal writes of the old epoch are rejected, under either name of the flag.
#[tokio::test]
async fn writes_below_the_minimum_epoch_are_rejected() {
    let server = TestServer::start().await;
    for (flags, is_raised) in [
        (json!({ "set_min_key_generation": true }), true),
        (json!({ "set_min_epoch": true }), true),
        (json!({ "set_min_key_generation": false, "set_min_epoch": true }), true),
        (json!({ "set_min_epoch": false }), false),
        (json!({}), false),
    ] {
        let space = SharedSpace::create(&server).await;
        let (mut owner, text) = (space.owner_client().await, space.text());
        let first = owner.push_with(&text, space.root(), &[keyed(1, 1)]).await;
        assert_eq!(first["ok"], true, "{first}");
        let mut params = json!({ "space": text, "ucan": space.root(), "epoch": 2 });
        for (name, value) in flags.as_object().into_iter().flatten() {
            params[name] = value.clone();
        }
        assert_eq!(owner.call("epoch.begin", &params).await["result"], json!({ "epoch": 2 }), "{flags}");
        let old = owner.push_with(&text, space.root(), &[keyed(2, 1)]).await;
        assert_eq!(old["ok"], !is_raised, "{flags} {old}");
        let tombstone = json!({ "space": text, "ucan": space.root(), "epoch": 1, "changes": [delete(1, 1)] });
        let rejected = owner.call("push", &tombstone).await["result"].clone();
        if is_raised {
            let stale = json!({ "ok": false, "error": "epoch_stale" });
            assert_eq!([&old, &rejected], [&stale, &stale], "{flags}");
            let unstated = owner.push_with(&text, space.root(), &[delete(1, 1)]).await;
            assert_eq!(unstated["ok"], true, "{unstated}");
        }
        let fresh = owner.push_with(&text, space.root(), &[keyed(3, 2)]).await;
        assert_eq!(fresh["ok"], true, "{flags} {fresh}");
    }
}

/// an epoch does not end while an old key is left, and further old keys are rejected.
#[tokio::test]
async fn epoch_ends_only_when_every_key_is_new() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let (mut owner, text) = (space.owner_client().await, space.text());
    for index in 1..=2 {
        owner.push_with(&text, space.root(), &[keyed(index, 1)]).await;
    }
    begin(&mut owner, &space, 2).await;
    let incomplete = error("conflict", "rewrap incomplete");
    let rewrap = |indices: &[u128]| {
        let deks: Vec<_> =
            indices.iter().map(|index| json!({ "id": record_id(*index), "dek": dek(2) })).collect();
        json!({ "space": text, "ucan": space.root(), "deks": deks })
    };
    let (one, rest) = (rewrap(&[1]), rewrap(&[2]));
    assert_eq!(owner.call("deks.rewrap", &one).await["result"], json!({ "ok": true, "count": 1 }));
    assert_eq!(epoch(&mut owner, "complete", &space, 2).await["error"], incomplete);
    let stale = owner.push_with(&text, space.root(), &[keyed(3, 1)]).await;
    assert_eq!(stale, json!({ "ok": false, "error": "epoch_stale" }));
    assert_eq!(begin(&mut owner, &space, 3).await["rewrap_epoch"], 2, "still pending");
    owner.call("deks.rewrap", &rest).await;
    assert_eq!(epoch(&mut owner, "complete", &space, 2).await["result"], json!({}));
}

/// P-132, P-135: undecodable params and invalid ids.
#[tokio::test]
async fn malformed_requests_are_rejected_with_their_messages() {
    let server = TestServer::start().await;
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    for (method, label) in [("epoch.begin", "epoch begin"), ("epoch.complete", "epoch complete")] {
        for params in [
            json!([]),
            json!({ "space": space }),
            json!({ "epoch": 2 }),
            json!({ "space": space, "epoch": "2" }),
            json!({ "space": space, "epoch": 2_147_483_648_u32 }),
        ] {
            let response = alice.call(method, &params).await;
            assert_eq!(response["error"], error("invalid_params", &format!("invalid {label} params")));
        }
        let response = alice.call(method, &json!({ "space": "x", "epoch": 2 })).await;
        assert_eq!(response["error"], error("bad_request", "invalid space id"));
    }
}

/// X-23, D-27, P-139: administrators only. An unknown space is `not_found` for holders of a chain only.
#[tokio::test]
async fn only_administrators_change_keys() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let nowhere = random_space();
    let methods = [
        ("epoch.begin", json!({ "epoch": 2 })),
        ("epoch.complete", json!({ "epoch": 1 })),
        ("epochKeys.put", json!({ "epoch": 2, "keys": [{ "member_did": "d", "wrapped_key": bytes("k") }] })),
        ("deks.rewrap", json!({ "deks": [] })),
        ("deks.rewrapFiles", json!({ "deks": [] })),
        ("file.deks.rewrap", json!({ "deks": [] })),
    ];
    let with = |params: &Value, space: &str, ucan: &str| {
        let mut params = params.clone();
        (params["space"], params["ucan"]) = (json!(space), json!(ucan));
        params
    };
    for (permission, is_let_in) in
        [(Permission::Read, false), (Permission::Write, false), (Permission::Admin, true)]
    {
        let member = Member::random();
        let ucan = space.invite(&member, permission);
        let mut client = server.raw_as("bob", &member).await;
        let own = member.ucan(nowhere).sign();
        for (method, params) in &methods {
            let response = client.call(method, &with(params, &space.text(), &ucan)).await;
            let rejected = response["error"]["code"] == "forbidden";
            assert_eq!(rejected, !is_let_in, "{method} {permission:?} {response}");
            let response = client.call(method, &with(params, &space.text(), "")).await;
            assert_eq!(response["error"], error("forbidden", "forbidden"), "{method} without a chain");
            let response = client.call(method, &with(params, &nowhere.to_string(), &own)).await;
            assert_eq!(response["error"], error("not_found", "space not found"), "{method}");
        }
    }
    let member = Member::random();
    let ucan = space.invite(&member, Permission::Admin);
    space.revoke(&mut space.owner_client().await, &ucan).await;
    let mut client = server.raw_as("bob", &member).await;
    for (method, params) in &methods {
        let response = client.call(method, &with(params, &space.text(), &ucan)).await;
        assert_eq!(response["error"], error("forbidden", "forbidden"), "{method} by a revoked chain");
    }
}

/// Auth §10: a user has full rights in the personal space, and ids are accepted in any form.
#[tokio::test]
async fn owner_of_a_personal_space_rotates_it() {
    let server = TestServer::start().await;
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    let params = json!({ "space": space.to_uppercase(), "epoch": 2 });
    assert_eq!(alice.call("epoch.begin", &params).await["result"], json!({ "epoch": 2 }));
    assert_eq!(alice.call("epoch.complete", &params).await["result"], json!({}));
    let mut bob = server.raw("bob").await;
    assert_eq!(bob.call("epoch.begin", &params).await["error"], error("forbidden", "forbidden"));
}
