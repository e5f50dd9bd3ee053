//! The permission matrix of auth §10: every method, every level, every rejection.

use std::time::Duration;

use less_sync_core::{Permission, Timestamp};
use less_sync_test_support::{
    Member, RawClient, SharedSpace, TestServer, create, derived_space, flip_signature, random_space,
};
use serde_json::{Value, json};

/// Method and its required level.
const METHODS: [(&str, Permission); 6] = [
    ("subscribe", Permission::Read),
    ("pull", Permission::Read),
    ("membership.list", Permission::Read),
    ("membership.append", Permission::Read),
    ("push", Permission::Write),
    ("membership.revoke", Permission::Admin),
];

fn with_ucan(mut params: Value, ucan: Option<&str>) -> Value {
    if let Some(ucan) = ucan {
        params["ucan"] = ucan.into();
    }
    params
}

/// Outcome of `method`: `ok`, `skipped`, or an error code. Leaves nothing behind that changes a later outcome.
pub(crate) async fn outcome(client: &mut RawClient, method: &str, space: &str, ucan: Option<&str>) -> String {
    let code = |value: &Value| value.as_str().unwrap_or("ok").to_owned();
    match method {
        "subscribe" => {
            let entry = with_ucan(json!({ "id": space, "since": 0 }), ucan);
            let response = client.call(method, &json!({ "spaces": [entry] })).await;
            client.notify("unsubscribe", &json!({ "spaces": [space] })).await;
            code(&response["result"]["errors"][0]["error"])
        }
        "pull" => {
            let entry = with_ucan(json!({ "id": space, "since": 0 }), ucan);
            let (chunks, response) = client.call_with_chunks(method, &json!({ "spaces": [entry] })).await;
            assert_eq!(response["result"]["_chunks"], chunks.len(), "{response}");
            if chunks.is_empty() { "skipped".to_owned() } else { "ok".to_owned() }
        }
        "push" => {
            let changes = [create(rand_index(), "x")];
            let response =
                client.call(method, &with_ucan(json!({ "space": space, "changes": changes }), ucan)).await;
            code(&response["result"]["error"])
        }
        "membership.append" => {
            // A version that no log has: a version conflict shows that the append was authorized.
            let (entry, payload) = crate::shared::log::hashed("entry");
            let params = json!({
                "space": space, "expected_version": 1_000_000, "entry_hash": entry, "payload": payload,
            });
            let response = client.call(method, &with_ucan(params, ucan)).await;
            code(&response["error"]["code"]).replace("conflict", "ok")
        }
        "membership.revoke" => {
            let params = json!({ "space": space, "ucan_cid": "0".repeat(64) });
            code(&client.call(method, &with_ucan(params, ucan)).await["error"]["code"])
        }
        _ => code(&client.call(method, &with_ucan(json!({ "space": space }), ucan)).await["error"]["code"]),
    }
}

fn rand_index() -> u128 {
    u128::from_be_bytes(*random_space().as_bytes()) >> 64 & 0xffff_ffff_ffff
}

/// Outcome of a rejected `method`: a pull skips the space silently.
fn rejected(method: &str) -> &'static str {
    if method == "pull" { "skipped" } else { "forbidden" }
}

async fn expect_rejections(client: &mut RawClient, space: &str, ucan: Option<&str>, why: &str) {
    for (method, _) in METHODS {
        assert_eq!(outcome(client, method, space, ucan).await, rejected(method), "{method} with {why}");
    }
}

/// P-165, P-166, X-23: a level permits exactly its methods, invited directly or by another member.
#[tokio::test]
async fn every_method_is_permitted_from_its_level_up() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [member, guest] = std::array::from_fn(|_| Member::random());
    let mut client = server.raw_as("bob", &member).await;
    let mut guest_client = server.raw_as("carol", &guest).await;
    for level in Permission::ALL {
        let ucan = space.invite(&member, level);
        let handed_on = member.ucan(space.id()).to(&guest).permission(level).proof(&ucan).sign();
        for (method, required) in METHODS {
            let expected = if level.covers(required) { "ok" } else { rejected(method) };
            let text = space.text();
            assert_eq!(
                outcome(&mut client, method, &text, Some(&ucan)).await,
                expected,
                "{method} {level:?}"
            );
            let guests = outcome(&mut guest_client, method, &text, Some(&handed_on)).await;
            assert_eq!(guests, expected, "{method} {level:?} handed on");
        }
    }
    for (method, _) in METHODS {
        let response =
            outcome(&mut space.owner_client().await, method, &space.text(), Some(space.root())).await;
        assert_eq!(response, "ok", "{method} of the owner");
    }
}

/// P-094, P-097, P-164, P-183, P-189: without a chain every method is rejected, for every user.
#[tokio::test]
async fn methods_without_a_chain_are_rejected() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let (mut owner, mut nobody) = (space.owner_client().await, server.raw("bob").await);
    expect_rejections(&mut owner, &space.text(), None, "no chain").await;
    expect_rejections(&mut owner, &space.text(), Some(""), "an empty chain").await;
    expect_rejections(&mut nobody, &space.text(), Some(space.root()), "a token without a did").await;
}

/// Auth §6.3, one row after the other, for every method.
#[tokio::test]
async fn methods_with_an_invalid_chain_are_rejected() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [member, other] = std::array::from_fn(|_| Member::random());
    let mut client = server.raw_as("bob", &member).await;
    let good = || space.invitation(&member, Permission::Admin);
    let now = Timestamp::from_seconds(server.issuer().now().seconds());
    let past = Timestamp::from_seconds(now.seconds() - 1);
    let read = space.invite(&other, Permission::Read);
    let chains = [
        ("somebody else's chain", space.invite(&other, Permission::Admin)),
        ("an expired chain", good().expires_at(past).sign()),
        ("a chain for later", good().with("nbf", now.plus(Duration::from_hours(1)).seconds()).sign()),
        ("a chain for another space", good().with("with", format!("space:{}", random_space())).sign()),
        ("a chain from another key", member.ucan(space.id()).sign()),
        ("a forged signature", good().sign_as(&other)),
        ("no nonce", good().without("nonce").sign()),
        ("two proofs", good().with("prf", json!([space.root(), space.root()])).sign()),
        ("more than its issuer had", other.ucan(space.id()).to(&member).proof(&read).sign()),
        ("no chain but a text", "a.b.c".to_owned()),
        ("a chain of 64 KiB and more", format!("{}{}", good().sign(), "x".repeat(65_536))),
    ];
    for (why, chain) in chains {
        expect_rejections(&mut client, &space.text(), Some(&chain), why).await;
    }
    assert_eq!(outcome(&mut client, "push", &space.text(), Some(&good().sign())).await, "ok");
}

/// P-167, P-168, auth §18.8: a revoked token at any depth, in either of its texts.
#[tokio::test]
async fn methods_with_a_revoked_chain_are_rejected() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [admin, member] = std::array::from_fn(|_| Member::random());
    let mut owner = space.owner_client().await;
    let mut client = server.raw_as("bob", &member).await;
    for revoke_proof in [false, true] {
        let proof = space.invite(&admin, Permission::Admin);
        let leaf = |proof: &str| admin.ucan(space.id()).to(&member).proof(proof).sign();
        let chain = leaf(&proof);
        assert_eq!(outcome(&mut client, "pull", &space.text(), Some(&chain)).await, "ok");
        space.revoke(&mut owner, if revoke_proof { &proof } else { &chain }).await;
        expect_rejections(&mut client, &space.text(), Some(&chain), "a revoked token").await;
        expect_rejections(&mut client, &space.text(), Some(&flip_signature(&chain)), "a flipped leaf").await;
        if revoke_proof {
            let flipped = leaf(&flip_signature(&proof));
            expect_rejections(&mut client, &space.text(), Some(&flipped), "a flipped proof").await;
            let both = flip_signature(&flipped);
            expect_rejections(&mut client, &space.text(), Some(&both), "both flipped").await;
        }
    }
}

/// P-104: a revocation applies to its space only; the same key keeps its access to another space.
#[tokio::test]
async fn revocation_applies_to_its_space_only() {
    let server = TestServer::start().await;
    let [here, there] = [SharedSpace::create(&server).await, SharedSpace::create(&server).await];
    let member = Member::random();
    let (mine, yours) = (here.invite(&member, Permission::Read), there.invite(&member, Permission::Read));
    let (mut owner, mut client) = (there.owner_client().await, server.raw_as("bob", &member).await);
    there.revoke(&mut owner, &mine).await;
    assert_eq!(outcome(&mut client, "pull", &here.text(), Some(&mine)).await, "ok");
    assert_eq!(outcome(&mut client, "pull", &there.text(), Some(&yours)).await, "ok");
}

/// Auth §4.1: the token gives full access to its own personal space, with any chain beside it, and to no other one.
#[tokio::test]
async fn personal_space_is_accessible_to_its_owner_only() {
    let server = TestServer::start().await;
    let (member, space) = (Member::random(), server.space("alice"));
    let (mut alice, mut bob) = (server.raw("alice").await, server.raw_as("bob", &member).await);
    let own_chain = member.ucan(server.space_id("alice")).sign();
    for (method, _) in METHODS {
        assert_eq!(outcome(&mut alice, method, &space, Some("no chain")).await, "ok", "{method}");
        assert_eq!(outcome(&mut bob, method, &space, Some(&own_chain)).await, rejected(method), "{method}");
        assert_eq!(outcome(&mut bob, method, &space, None).await, rejected(method), "{method}");
    }
}

/// Protocol §4.1 step 3, S-24: only the holder of a valid chain gets `not_found` for an unguessable unknown id.
/// Clients discard records on `not_found` of a push, so that a push reports a missing home server
/// (newer-clients §3.1).
#[tokio::test]
async fn unknown_space_is_not_found_with_an_own_chain_and_forbidden_otherwise() {
    let server = TestServer::start().await;
    let [member, other] = std::array::from_fn(|_| Member::random());
    let (unknown, derived) = (random_space(), derived_space());
    let mut client = server.raw_as("bob", &member).await;
    for (method, _) in METHODS {
        let expected = match method {
            "pull" => "skipped",
            "push" => "home_unavailable",
            _ => "not_found",
        };
        let chain = member.ucan(unknown).sign();
        assert_eq!(
            outcome(&mut client, method, &unknown.to_string(), Some(&chain)).await,
            expected,
            "{method}"
        );
    }
    let expired = member.ucan(unknown).expires_at(Timestamp::from_seconds(1)).sign();
    for (space, chain, why) in [
        (unknown, None, "no chain"),
        (unknown, Some(other.ucan(unknown).sign()), "somebody else's chain"),
        (unknown, Some(member.ucan(derived).sign()), "a chain for another space"),
        (unknown, Some(expired), "an expired chain"),
        (derived, Some(member.ucan(derived).sign()), "a derived id"),
    ] {
        expect_rejections(&mut client, &space.to_string(), chain.as_deref(), why).await;
    }
}

/// Auth §4.1 rule 3, §18.8: a space with a root key is never personal, regardless of the claims of a token.
#[tokio::test]
async fn shared_space_claimed_as_personal_is_rejected() {
    let server = TestServer::builder().setting("PERSONAL_SPACE_MODE", "claim").start().await;
    let space = SharedSpace::create(&server).await;
    let claims = server.issuer().claims("mallory").with("personal_space_id", space.text());
    let mut client = server.raw_with_token(&server.issuer().mint(&claims)).await;
    expect_rejections(&mut client, &space.text(), None, "a claim").await;
    let response = outcome(&mut space.owner_client().await, "push", &space.text(), Some(space.root())).await;
    assert_eq!(response, "ok");
}
