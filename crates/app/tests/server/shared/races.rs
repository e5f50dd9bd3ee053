//! Revocations that race other requests: requests after the response are rejected, requests before it were permitted,
//! and no subscription of the revoked member remains.

use less_sync_auth::ucan;
use less_sync_core::Permission;
use less_sync_test_support::{Member, SharedSpace, TestServer, create};
use serde_json::{Value, json};

const ROUNDS: u128 = 60;

fn is_ok(response: &Value) -> bool {
    response["result"]["ok"] == true
}

/// R-rows of storage §6 from the outside; auth §18.8.
#[tokio::test]
async fn revocation_applies_to_every_later_request() {
    // Connections that were dropped may count for a moment longer.
    let server = TestServer::with_limits(|limits| {
        limits.max_connections_per_actor = 1000;
        limits.max_connections_per_mailbox = 1000;
    })
    .await;
    let space = SharedSpace::create(&server).await;
    let (text, member) = (space.text(), Member::random());
    let mut owner = space.owner_client().await;
    for round in 0..ROUNDS {
        let chain = space.invite(&member, Permission::Write);
        let mut client = server.raw_as("bob", &member).await;
        let revoke = json!({ "space": text, "ucan": space.root(), "ucan_cid": ucan::cid(&chain).to_hex() });
        let entries = json!({ "spaces": [{ "id": text, "since": 0, "ucan": chain }] });
        let racing = async {
            let push = json!({ "space": text, "ucan": chain, "changes": [create(2 * round, "x")] });
            let subscribed = client.call("subscribe", &entries).await;
            let pushed = client.call("push", &push).await;
            (subscribed, pushed, client)
        };
        let (revoked, (subscribed, pushed, mut client)) =
            futures_util::future::join(owner.call("membership.revoke", &revoke), racing).await;
        assert_eq!(revoked["result"], json!({}));
        let entered = subscribed["result"]["spaces"].as_array().is_some_and(|spaces| !spaces.is_empty());
        assert!(entered || !is_ok(&pushed), "round {round}: a push after a rejected subscription");

        // The revocation has its response: from now on requests are rejected and no event is delivered.
        let late = client.push_with(&text, &chain, &[create(2 * round + 1, "x")]).await;
        assert_eq!(late, json!({ "ok": false, "error": "forbidden" }), "round {round}");
        let (chunks, _) = client.call_with_chunks("pull", &entries).await;
        assert_eq!(chunks, Vec::<Value>::new(), "round {round}");
        client.pending_notifications().await;
        owner.push_with(&text, space.root(), &[create(1_000_000 + round, "x")]).await;
        client.assert_quiet().await;
    }
}

/// Concurrent subscriptions and revocations of others: members who keep their rights stay subscribed and receive every
/// push.
#[tokio::test]
async fn revocations_of_others_affect_no_subscription() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let (text, member) = (space.text(), Member::random());
    let chain = space.invite(&member, Permission::Read);
    let (mut owner, mut client) = (space.owner_client().await, server.raw_as("bob", &member).await);
    for round in 0..ROUNDS {
        let revoke = json!({ "space": text, "ucan": space.root(), "ucan_cid": format!("{round:064x}") });
        let subscribe = json!({ "spaces": [{ "id": text, "since": 0, "ucan": chain }] });
        let (revoked, subscribed) = futures_util::future::join(
            owner.call("membership.revoke", &revoke),
            client.call("subscribe", &subscribe),
        )
        .await;
        assert_eq!(revoked["result"], json!({}));
        assert!(subscribed["result"]["spaces"][0].is_object(), "round {round}: {subscribed}");
        let cursor = owner.push_with(&text, space.root(), &[create(round, "x")]).await["cursor"].clone();
        assert_eq!(client.receive_notification("sync").await["cursor"], cursor);
    }
}
