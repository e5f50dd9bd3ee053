//! Expiry of subscriptions with their chain, and with the token that it is for (protocol §1.11, §6.3).

use std::time::Duration;

use less_sync_core::Permission;
use less_sync_engine::Clock;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, bytes, create};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);

/// Advances the clock in steps below the idle timeout; returns the notifications received meanwhile.
async fn pass(server: &TestServer, time: Duration, clients: &mut [&mut RawClient]) -> Vec<Value> {
    const STEP: Duration = Duration::from_secs(20);
    let (mut left, mut told) = (time, Vec::new());
    while !left.is_zero() {
        let step = left.min(STEP);
        server.clock().advance(step);
        left -= step;
        for client in &mut *clients {
            told.extend(client.pending_notifications().await);
        }
    }
    told
}

/// D-22: a subscription and its presence end in the second after the expiry of the chain, with one notification for
/// all spaces.
#[tokio::test]
async fn subscription_ends_with_its_chain() {
    let server = TestServer::with_manual_clock().await;
    let [here, there] = [SharedSpace::create(&server).await, SharedSpace::create(&server).await];
    let member = Member::random();
    let now = server.clock().now();
    let chain =
        |space: &SharedSpace<'_>| space.invitation(&member, Permission::Write).lives(2 * MINUTE, now).sign();
    let (mut owner, mut client) = (here.owner_client().await, server.raw_as("bob", &member).await);
    owner.subscribe_with(&here.text(), here.root()).await;
    let chains = [chain(&here), chain(&there)];
    for (space, chain) in [&here, &there].iter().zip(&chains) {
        client.subscribe_with(&space.text(), chain).await;
    }
    client.notify("presence.set", &json!({ "space": here.text(), "data": bytes("here") })).await;
    let peer = owner.receive_notification("presence").await["peer"].clone();

    let early = pass(&server, Duration::from_secs(40), &mut [&mut owner, &mut client]).await;
    assert_eq!(early, Vec::<Value>::new());
    let mut seconds = 40;
    while seconds < 119 {
        // Presence is renewed as clients do; it would expire otherwise.
        client.notify("presence.set", &json!({ "space": here.text(), "data": bytes("here") })).await;
        owner.receive_notification("presence").await;
        let some = 20.min(119 - seconds);
        let told = pass(&server, Duration::from_secs(some), &mut [&mut owner, &mut client]).await;
        assert_eq!(told, Vec::<Value>::new());
        seconds += some;
    }
    client.notify("presence.set", &json!({ "space": here.text(), "data": bytes("here") })).await;
    owner.receive_notification("presence").await;
    owner.push_with(&here.text(), here.root(), &[create(1, "x")]).await;
    assert_eq!(client.receive_notification("sync").await["cursor"], 1, "the last second counts");

    server.clock().advance(Duration::from_secs(2));
    let mut told: Vec<Value> = Vec::new();
    while told.len() < 2 {
        let spaces = client.receive_notification("resubscribe").await["spaces"].clone();
        told.extend(spaces.as_array().unwrap().iter().cloned());
    }
    told.sort_by_key(Value::to_string);
    let mut both = vec![json!(here.text()), json!(there.text())];
    both.sort_by_key(Value::to_string);
    assert_eq!(told, both);
    let leave = owner.receive_notification("presence.leave").await;
    assert_eq!(leave, json!({ "space": here.text(), "peer": peer }));
    owner.push_with(&here.text(), here.root(), &[create(2, "x")]).await;
    client.notify("event.send", &json!({ "space": here.text(), "data": bytes("still here") })).await;
    client.assert_quiet().await;
    owner.assert_quiet().await;
    let rejected = client.push_with(&here.text(), &chains[0], &[create(3, "x")]).await;
    assert_eq!(rejected, json!({ "ok": false, "error": "forbidden" }));
}

/// Subscribing again before the expiry extends the subscription.
#[tokio::test]
async fn renewed_subscription_ends_with_its_new_chain() {
    let server = TestServer::with_manual_clock().await;
    let space = SharedSpace::create(&server).await;
    let member = Member::random();
    let start = server.clock().now();
    let lives = |time| space.invitation(&member, Permission::Read).lives(time, start).sign();
    let mut client = server.raw_as("bob", &member).await;
    client.subscribe_with(&space.text(), &lives(MINUTE)).await;
    client.subscribe_with(&space.text(), &lives(3 * MINUTE)).await;
    assert_eq!(pass(&server, 2 * MINUTE, &mut [&mut client]).await, Vec::<Value>::new());
    let told = pass(&server, MINUTE + Duration::from_secs(2), &mut [&mut client]).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["params"], json!({ "spaces": [space.text()] }));
}

/// The expiry of a chain is not announced for a subscription that ended before.
#[tokio::test]
async fn chain_that_expires_after_its_subscription_sends_no_notification() {
    let server = TestServer::with_manual_clock().await;
    let [left, revoked] = [SharedSpace::create(&server).await, SharedSpace::create(&server).await];
    let member = Member::random();
    let now = server.clock().now();
    let [one, other] =
        [&left, &revoked].map(|space| space.invitation(&member, Permission::Read).lives(MINUTE, now).sign());
    let mut client = server.raw_as("bob", &member).await;
    client.subscribe_with(&left.text(), &one).await;
    client.subscribe_with(&revoked.text(), &other).await;
    client.notify("unsubscribe", &json!({ "spaces": [left.text()] })).await;
    revoked.revoke(&mut revoked.owner_client().await, &other).await;
    client.receive_notification("revoked").await;
    assert_eq!(pass(&server, 2 * MINUTE, &mut [&mut client]).await, Vec::<Value>::new());
}

/// Protocol §6.3: a token for another DID keeps the personal space and ends the subscriptions by chains for the old one;
/// a token for the same DID ends none.
#[tokio::test]
async fn token_for_another_did_ends_subscriptions_of_the_old_one() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [old, new] = std::array::from_fn(|_| Member::random());
    let ucan = space.invite(&old, Permission::Read);
    let (mut owner, mut client) = (space.owner_client().await, server.raw_as("bob", &old).await);
    client.subscribe(&server.space("bob")).await;
    client.subscribe_with(&space.text(), &ucan).await;
    let refresh = |member| json!({ "token": server.token_as("bob", member) });
    let refreshed = client.call("token.refresh", &refresh(&old)).await;
    assert_eq!(refreshed["result"], json!({ "ok": true }));
    client.assert_quiet().await;

    client.request("token.refresh", &refresh(&new)).await;
    let told = crate::shared::revocation::both(&mut client).await;
    assert_eq!(told.0["result"], json!({ "ok": true }));
    assert_eq!(told.1, json!({ "spaces": [space.text()] }));
    owner.push_with(&space.text(), space.root(), &[create(1, "x")]).await;
    client.assert_quiet().await;
    server.raw("bob").await.push_ok(&server.space("bob"), &[create(1, "x")]).await;
    assert_eq!(client.receive_notification("sync").await["space"], server.space("bob"));
    client.subscribe_with(&space.text(), &space.invite(&new, Permission::Read)).await;
}
