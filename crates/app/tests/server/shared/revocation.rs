//! `membership.revoke` and what it ends (protocol §4.10, §6.3; newer-clients §3.5).

use less_sync_auth::ucan;
use less_sync_core::Permission;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, bytes, create, flip_signature};
use serde_json::{Value, json};

use crate::rpc_error::error;

fn notice(space: &SharedSpace<'_>) -> Value {
    json!({ "type": 2, "method": "revoked", "params": { "space": space.text(), "reason": "ucan_revoked" } })
}

async fn watcher(
    server: &TestServer,
    space: &SharedSpace<'_>,
    user: &str,
    member: &Member,
) -> (RawClient, String) {
    let ucan = space.invite(member, Permission::Write);
    let mut client = server.raw_as(user, member).await;
    client.subscribe_with(&space.text(), &ucan).await;
    (client, ucan)
}

async fn revoke(client: &mut RawClient, params: &Value) -> Value {
    client.call("membership.revoke", params).await
}

/// A response and the params of a `resubscribe`, in any order.
pub(crate) async fn both(client: &mut RawClient) -> (Value, Value) {
    let mut frames = [client.receive_rpc().await, client.receive_rpc().await];
    frames.sort_by_key(|frame| frame["type"].as_i64());
    let [response, told] = frames;
    assert_eq!((&response["type"], &told["method"]), (&json!(1), &json!("resubscribe")));
    (response, told["params"].clone())
}

/// X-13, P-096, P-262, D-09: every subscriber is notified; subscription and presence of the revoked member end; the other
/// subscriptions continue.
#[tokio::test]
async fn revoked_member_is_notified_and_its_subscription_ends() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [removed, other] = std::array::from_fn(|_| Member::random());
    let mut owner = space.owner_client().await;
    owner.subscribe_with(&space.text(), space.root()).await;
    let (mut gone, ucan) = watcher(&server, &space, "bob", &removed).await;
    let (mut stays, _) = watcher(&server, &space, "carol", &other).await;
    gone.notify("presence.set", &json!({ "space": space.text(), "data": bytes("here") })).await;
    let peer = owner.receive_notification("presence").await["peer"].clone();
    stays.receive_notification("presence").await;

    space.revoke(&mut owner, &ucan).await;
    assert_eq!(gone.receive_rpc().await, notice(&space));
    assert_eq!(stays.receive_rpc().await, notice(&space));
    let leave = json!({ "space": space.text(), "peer": peer });
    for client in [&mut owner, &mut stays] {
        assert_eq!(client.receive_notification("presence.leave").await, leave);
    }
    // The next request of the revoked member is rejected, and methods that rely on a subscription are ignored.
    let rejected = gone.push_with(&space.text(), &ucan, &[create(1, "x")]).await;
    assert_eq!(rejected, json!({ "ok": false, "error": "forbidden" }));
    for method in ["presence.set", "event.send"] {
        gone.notify(method, &json!({ "space": space.text(), "data": bytes("still here") })).await;
    }
    gone.assert_alive().await;
    owner.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
    owner.notify("event.send", &json!({ "space": space.text(), "data": bytes("psst") })).await;
    assert_eq!(stays.receive_notification("sync").await["cursor"], 1);
    assert_eq!(stays.receive_notification("event").await["data"], bytes("psst"));
    gone.assert_quiet().await;
    owner.assert_quiet().await;
}

/// Auth §6.5: both cids of every token are recorded; revoking a token ends the subscriptions of all chains with it.
#[tokio::test]
async fn subscription_ends_with_any_token_of_its_chain_under_either_name() {
    let server = TestServer::start().await;
    for by_flipped_name in [false, true] {
        let space = SharedSpace::create(&server).await;
        let [admin, guest] = std::array::from_fn(|_| Member::random());
        let proof = space.invite(&admin, Permission::Admin);
        let chain = admin.ucan(space.id()).to(&guest).proof(&proof).sign();
        let (mut owner, mut client) = (space.owner_client().await, server.raw_as("bob", &guest).await);
        client.subscribe_with(&space.text(), &chain).await;
        let dead = if by_flipped_name { flip_signature(&proof) } else { proof };
        space.revoke(&mut owner, &dead).await;
        assert_eq!(client.receive_rpc().await, notice(&space));
        owner.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
        client.assert_quiet().await;
    }
}

/// G-14: with `member_did` all subscriptions of the member to the space end, for any chain, and to no other space.
#[tokio::test]
async fn named_member_loses_all_subscriptions_to_the_space_only() {
    let server = TestServer::start().await;
    let [space, elsewhere] = [SharedSpace::create(&server).await, SharedSpace::create(&server).await];
    let removed = Member::random();
    let mut owner = space.owner_client().await;
    let (mut phone, ucan) = watcher(&server, &space, "bob", &removed).await;
    let (mut tablet, _) = watcher(&server, &space, "bob", &removed).await;
    tablet.subscribe_with(&elsewhere.text(), &elsewhere.invite(&removed, Permission::Read)).await;
    let params = json!({
        "space": space.text(), "ucan": space.root(), "ucan_cid": ucan::cid(&ucan).to_hex(), "member_did": removed.did(),
    });
    assert_eq!(revoke(&mut owner, &params).await["result"], json!({}));
    for client in [&mut phone, &mut tablet] {
        assert_eq!(client.receive_rpc().await, notice(&space));
    }
    owner.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
    phone.assert_quiet().await;
    tablet.assert_quiet().await;
    let mut other_owner = elsewhere.owner_client().await;
    other_owner.push_with(&elsewhere.text(), elsewhere.root(), &[create(1, "x")]).await;
    assert_eq!(tablet.receive_notification("sync").await["space"], elsewhere.text());
}

/// The DID counts only beside a token of that member: by a CID that was made up, or by the token of another member, an
/// administrator must not cut the live subscription of the owner or of anybody else.
#[tokio::test]
async fn member_that_is_named_beside_a_foreign_token_goes_on() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [admin, victim, other] = std::array::from_fn(|_| Member::random());
    let mut owner = space.owner_client().await;
    owner.subscribe_with(&space.text(), space.root()).await;
    let (mut bystander, _) = watcher(&server, &space, "bob", &victim).await;
    let (mut gone, ucan) = watcher(&server, &space, "carol", &other).await;
    let mut attacker = server.raw_as("mallory", &admin).await;
    let chain = space.invite(&admin, Permission::Admin);
    for (cid, did) in [
        ("0".repeat(64), space.owner().did()),
        ("0".repeat(64), victim.did()),
        (ucan::cid(&ucan).to_hex(), space.owner().did()),
    ] {
        let params = json!({ "space": space.text(), "ucan": chain, "ucan_cid": cid, "member_did": did });
        assert_eq!(revoke(&mut attacker, &params).await["result"], json!({}));
    }
    for client in [&mut owner, &mut bystander] {
        for _ in 0..3 {
            assert_eq!(client.receive_rpc().await, notice(&space));
        }
    }
    attacker.push_with(&space.text(), &chain, &[create(1, "x")]).await;
    for client in [&mut owner, &mut bystander] {
        assert_eq!(client.receive_notification("sync").await["cursor"], 1, "still subscribed");
    }
    for _ in 0..3 {
        assert_eq!(gone.receive_rpc().await, notice(&space));
    }
    gone.assert_quiet().await;
}

/// A removed member with a new valid chain can subscribe again, also on the same connection.
#[tokio::test]
async fn removed_member_with_a_new_chain_can_subscribe_again() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let member = Member::random();
    let mut owner = space.owner_client().await;
    let (mut client, ucan) = watcher(&server, &space, "bob", &member).await;
    space.revoke(&mut owner, &ucan).await;
    assert_eq!(client.receive_rpc().await, notice(&space));
    client.subscribe_with(&space.text(), &space.invite(&member, Permission::Read)).await;
    owner.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
    assert_eq!(client.receive_notification("sync").await["cursor"], 1);
}

/// An admin who revokes an older chain of their own is notified that the subscription ended, not of the revocation.
#[tokio::test]
async fn revoking_the_chain_of_an_own_subscription_sends_resubscribe() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let admin = Member::random();
    let [older, newer] = [(); 2].map(|()| space.invite(&admin, Permission::Admin));
    let mut client = server.raw_as("bob", &admin).await;
    client.subscribe_with(&space.text(), &older).await;
    let params = json!({ "space": space.text(), "ucan": newer, "ucan_cid": ucan::cid(&older).to_hex() });
    client.request("membership.revoke", &params).await;
    let (response, told) = both(&mut client).await;
    assert_eq!((&response["result"], told), (&json!({}), json!({ "spaces": [space.text()] })));
    space.owner_client().await.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
    client.assert_quiet().await;
}

/// Auth §6.5, §18.8: the own leaf, the inviter's token and the root cannot be revoked, in either form; writers revoke
/// no token.
#[tokio::test]
async fn tokens_of_the_own_chain_cannot_be_revoked() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [inviter, admin] = std::array::from_fn(|_| Member::random());
    let proof = space.invite(&inviter, Permission::Admin);
    let leaf = inviter.ucan(space.id()).to(&admin).proof(&proof).sign();
    let mut client = server.raw_as("bob", &admin).await;
    for own in [&leaf, &proof, space.root()] {
        for cid in [ucan::cid(own), ucan::cid(&flip_signature(own))] {
            let params = json!({ "space": space.text(), "ucan": leaf, "ucan_cid": cid.to_hex() });
            assert_eq!(revoke(&mut client, &params).await["error"], error("forbidden", "forbidden"));
        }
    }
    let mut owner = space.owner_client().await;
    let root = ucan::cid(space.root()).to_hex();
    let params = json!({ "space": space.text(), "ucan": space.root(), "ucan_cid": root });
    assert_eq!(revoke(&mut owner, &params).await["error"], error("forbidden", "forbidden"));
    let writer = Member::random();
    let ucan = space.invite(&writer, Permission::Write);
    let params = json!({ "space": space.text(), "ucan": ucan, "ucan_cid": root });
    let mut client = server.raw_as("carol", &writer).await;
    assert_eq!(revoke(&mut client, &params).await["error"], error("forbidden", "forbidden"));
}

/// P-104: a repeat succeeds and notifies again, also for the CID of no known token.
#[tokio::test]
async fn repeated_revocation_notifies_again() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let (mut client, _) = watcher(&server, &space, "bob", &Member::random()).await;
    for cid in ["a".repeat(64), "a".repeat(64), "b".repeat(64)] {
        let params = json!({ "space": space.text(), "ucan": space.root(), "ucan_cid": cid });
        assert_eq!(revoke(&mut owner, &params).await["result"], json!({}));
        assert_eq!(client.receive_rpc().await, notice(&space));
    }
}

/// P-096: on a personal space it succeeds and notifies the user's other devices; their subscriptions stay.
#[tokio::test]
async fn revocation_in_a_personal_space_ends_no_subscription() {
    let server = TestServer::start().await;
    let (space, alice) = (server.space("alice"), Member::random());
    let [mut one, mut other] = [server.raw_as("alice", &alice).await, server.raw_as("alice", &alice).await];
    other.subscribe(&space).await;
    let params = json!({ "space": space, "ucan_cid": "0".repeat(64), "member_did": alice.did() });
    assert_eq!(revoke(&mut one, &params).await["result"], json!({}));
    assert_eq!(other.receive_notification("revoked").await["reason"], "ucan_revoked");
    one.push_ok(&space, &[create(1, "x")]).await;
    assert_eq!(other.receive_notification("sync").await["cursor"], 1);
}

/// a subscription does not outlive the chain that was to renew it.
#[tokio::test]
async fn rejected_renewal_ends_the_subscription() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let (member, stranger) = (Member::random(), Member::random());
    let (mut client, _) = watcher(&server, &space, "bob", &member).await;
    let params = json!({ "spaces": [{ "id": space.text(), "since": 0, "ucan": space.invite(&stranger, Permission::Read) }] });
    let response = client.call("subscribe", &params).await;
    let rejected = json!({ "spaces": [], "errors": [{ "space": space.text(), "error": "forbidden" }] });
    assert_eq!(response["result"], rejected);
    space.owner_client().await.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
    client.assert_quiet().await;
}
