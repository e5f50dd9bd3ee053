//! An original server dials this one: the column of an original F and our H in federation §20.1.
//!
//! The original signs three components with `ws`, offers `betterbase-rpc-v1` only, sends no `fed.hello`, and reads its socket only while it waits
//! for a response.

use less_sync_core::Permission;
use less_sync_engine::Clock as _;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, Upgrade, create};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};

const SECRET: &str = "01234567890123456789012345678901";

/// Home with the static key of an original peer, which is listed under the whole key id.
async fn home(peer: &Peer) -> TestServer {
    trusting(&[peer]).setting("FEDERATION_FST_SECRET", SECRET).start().await
}

/// Upgrade as the original sends it.
fn upgrade(peer: &Peer, server: &TestServer) -> Upgrade {
    let upgrade = peer.unbound_upgrade(server.clock().now()).without("Sec-WebSocket-Protocol");
    upgrade.header("Sec-WebSocket-Protocol", "betterbase-rpc-v1")
}

async fn dial(peer: &Peer, server: &TestServer) -> RawClient {
    let (response, client) = upgrade(peer, server).send(server.address()).await;
    assert_eq!(response.status, 101, "{response:?}");
    assert_eq!(response.header("sec-websocket-protocol"), Some("betterbase-rpc-v1"));
    client
}

/// Chain of a new member.
fn chain(space: &SharedSpace<'_>) -> String {
    space.invite(&Member::random(), Permission::Write)
}

async fn subscribe(link: &mut RawClient, space: &SharedSpace<'_>, more: &Value) -> Value {
    let mut entry = json!({ "id": space.text(), "since": 0, "presence": true });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    link.call("subscribe", &json!({ "spaces": [entry] })).await["result"].clone()
}

/// Rows "link over ws", "key trust" and "subscribe, FST": UCAN first, then the token; the value of `since` changes nothing.
#[tokio::test]
async fn row_subscribe_takes_a_ucan_and_then_a_token() {
    let peer = Peer::new("original.example", 5);
    let server = home(&peer).await;
    let space = SharedSpace::create(&server).await;
    let mut link = dial(&peer, &server).await;
    let state = subscribe(&mut link, &space, &json!({ "ucan": chain(&space) })).await["spaces"][0].clone();
    assert_eq!((&state["cursor"], &state["key_generation"]), (&json!(0), &json!(1)), "{state}");
    let token = state["token"].as_str().unwrap();
    let mut again = dial(&peer, &server).await;
    let renewed = subscribe(&mut again, &space, &json!({ "token": token, "since": 0 })).await;
    assert_eq!(renewed["spaces"][0]["id"], space.text(), "{renewed}");
}

/// Row "push, pull": one at a time, with nothing in the results that an original peer does not know.
#[tokio::test]
async fn row_push_and_pull_are_served() {
    let peer = Peer::new("original.example", 5);
    let server = home(&peer).await;
    let space = SharedSpace::create(&server).await;
    let mut link = dial(&peer, &server).await;
    let ucan = chain(&space);
    assert_eq!(
        link.push_with(&space.text(), &ucan, &[create(1, "a")]).await,
        json!({ "ok": true, "cursor": 1 })
    );
    let conflict = link.push_with(&space.text(), &ucan, &[create(1, "a")]).await;
    assert_eq!((&conflict["ok"], &conflict["error"]), (&json!(false), &json!("conflict")));
    let params = json!({ "spaces": [{ "id": space.text(), "since": 0, "ucan": ucan }] });
    let (chunks, end) = link.call_with_chunks("pull", &params).await;
    let names: Vec<&str> = chunks.iter().map(|chunk| chunk["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pull.begin", "pull.record", "pull.commit"]);
    assert_eq!(end["result"], json!({ "_chunks": 3 }));
}

/// Rows "live sync" and CN-7, T-119: a peer that does not read keeps its link and gets its next response, whatever it has missed.
#[tokio::test]
async fn row_live_events_do_not_close_a_link_that_is_not_read() {
    let peer = Peer::new("original.example", 5);
    let server = home(&peer).await;
    let space = SharedSpace::create(&server).await;
    let mut link = dial(&peer, &server).await;
    let ucan = chain(&space);
    subscribe(&mut link, &space, &json!({ "ucan": ucan })).await;
    let mut owner = space.owner_client().await;
    // More than the event queue and the buffers of the socket hold.
    let blob = "x".repeat(20_000);
    for index in 1..=1200 {
        let changes = [create(index, &blob)];
        assert_eq!(owner.push_with(&space.text(), space.root(), &changes).await["ok"], true);
    }
    let pushed = link.push_with(&space.text(), &ucan, &[create(3000, "a")]).await;
    assert_eq!(pushed, json!({ "ok": true, "cursor": 1201 }));
    link.assert_alive().await;
}

/// Row "invitations": without the additions of ours.
#[tokio::test]
async fn row_invitations_are_taken() {
    let peer = Peer::new("original.example", 5);
    let server = home(&peer).await;
    let mut link = dial(&peer, &server).await;
    let mailbox = "b".repeat(64);
    let taken = link.call("fed.invitation", &json!({ "mailbox_id": mailbox, "payload": "jwe" })).await;
    assert_eq!(taken["result"]["ok"], true, "{taken}");
    let bob = server.issuer().mint(&server.issuer().claims("bob").mailbox(&mailbox));
    let list = server.raw_with_token(&bob).await.call("invitation.list", &json!({})).await;
    assert_eq!(list["result"]["invitations"][0]["payload"], "jwe", "{list}");
}

/// Row `cursor_ahead`: an error of the request.
#[tokio::test]
async fn row_cursor_ahead_is_an_error_of_the_pull() {
    let peer = Peer::new("original.example", 5);
    let server = home(&peer).await;
    let space = SharedSpace::create(&server).await;
    let mut link = dial(&peer, &server).await;
    let params = json!({ "spaces": [{ "id": space.text(), "since": 7, "ucan": chain(&space) }] });
    let response = link.call("pull", &params).await;
    assert_eq!(response["error"]["code"], "cursor_ahead", "{response}");
}

/// Federation §20.3, AU-9: three links with one signature in one second, as the original dials after failed calls.
#[tokio::test]
async fn row_bursts_of_one_signature_are_tolerated() {
    let peer = Peer::new("original.example", 5);
    let server = home(&peer).await;
    let upgrade = upgrade(&peer, &server);
    let mut links = Vec::new();
    for _ in 0..3 {
        let (response, link) = upgrade.send(server.address()).await;
        assert_eq!(response.status, 101, "{response:?}");
        links.push(link);
    }
    let (response, _) = upgrade.send(server.address()).await;
    assert_eq!(response.status, 401);
}

/// Row "membership, epoch, DEKs": an original peer applies them to its own database and asks nobody; the notifications that it does
/// not know are not answered.
#[tokio::test]
async fn row_unknown_requests_have_an_error_and_notifications_none() {
    let peer = Peer::new("original.example", 5);
    let server = home(&peer).await;
    let mut link = dial(&peer, &server).await;
    link.notify("no.such.notification", &json!({})).await;
    let response = link.call("token.refresh", &json!({ "token": "x" })).await;
    assert_eq!(response["error"]["message"], "unknown method: token.refresh", "{response}");
}
