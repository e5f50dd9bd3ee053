//! Subscriptions of peers: chains and subscribe tokens, live events, revocation and expiry (federation §9.2, §10).

use std::time::Duration;

use less_sync_core::Permission;
use less_sync_engine::Clock as _;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, create, random_space, unhex};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};
use super::forwarding::native;

const SECRET: &str = "01234567890123456789012345678901";

fn peer() -> Peer {
    Peer::new("b.example", 1)
}

async fn server(peers: &[&Peer]) -> TestServer {
    trusting(peers).setting("FEDERATION_FST_SECRET", SECRET).start().await
}

/// Entry with a chain.
fn by_ucan(space: &SharedSpace<'_>, since: u64, ucan: &str) -> Value {
    json!({ "id": space.text(), "since": since, "ucan": ucan })
}

/// Entry with a subscribe token.
fn by_token(space: &SharedSpace<'_>, since: u64, token: &Value) -> Value {
    json!({ "id": space.text(), "since": since, "token": token })
}

async fn subscribe(link: &mut RawClient, entries: &[Value]) -> Value {
    let response = link.call("subscribe", &json!({ "spaces": entries })).await;
    assert!(response["error"].is_null(), "{response}");
    response["result"].clone()
}

/// Token of a new subscription to one space.
async fn token(link: &mut RawClient, entry: Value) -> Value {
    let result = subscribe(link, &[entry]).await;
    result["spaces"][0]["token"].clone()
}

async fn push(client: &mut RawClient, space: &SharedSpace<'_>, index: u128) {
    let params = json!({ "space": space.text(), "ucan": space.root(), "changes": [create(index, "x")] });
    let response = client.call("push", &params).await;
    assert_eq!(response["result"]["ok"], true, "{response}");
}

/// Federation C18, C22, T-511, RP-4.
#[tokio::test]
async fn t_511_subscription_by_chain_is_renewed_by_its_token() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let mut link = native(&peer, &server).await;
    let ucan = space.invite(&Member::random(), Permission::Read);
    let result = subscribe(&mut link, &[by_ucan(&space, 0, &ucan)]).await;
    let entry = &result["spaces"][0];
    assert_eq!(
        (&entry["id"], &entry["cursor"], &entry["key_generation"]),
        (&json!(space.text()), &json!(0), &json!(1))
    );
    assert_eq!(entry["token_expires"], server.clock().now().seconds() + 86_400);
    assert!(entry["peers"].is_null() && result["errors"].is_null(), "{result}");
    let renewed = subscribe(&mut link, &[by_token(&space, 0, &entry["token"])]).await;
    assert_ne!(renewed["spaces"][0]["token"], entry["token"], "every token is another one");
    assert_eq!(renewed["spaces"][0]["token_expires"], entry["token_expires"], "no token extends a token");
    push(&mut owner, &space, 1).await;
    assert_eq!(link.receive_rpc().await["method"], "sync");
    // Once, although the link has subscribed twice.
    push(&mut owner, &space, 2).await;
    assert_eq!(link.receive_rpc().await["params"]["cursor"], 2);
}

/// Federation §9.2: entries are rejected one by one, in request order.
#[tokio::test]
async fn t_511_entries_of_a_peer_are_rejected_one_by_one() {
    let [peer, other] = [peer(), Peer::new("c.example", 2)];
    let server = server(&[&peer, &other]).await;
    let space = SharedSpace::create(&server).await;
    let second = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    let own = token(&mut link, by_ucan(&space, 0, space.root())).await;
    let foreign = token(&mut native(&other, &server).await, by_ucan(&space, 0, space.root())).await;
    let unknown = random_space().to_string();
    let entries = [
        json!({ "id": "x", "since": 0, "ucan": space.root() }),
        json!({ "id": second.text(), "since": 0 }),
        json!({ "id": unknown, "since": 0, "ucan": space.root() }),
        by_token(&second, 0, &own),
        by_token(&space, 0, &json!("garbage")),
    ];
    let result = subscribe(&mut link, &entries[..4]).await;
    let error = |space: &str, error: &str| json!({ "space": space, "error": error });
    let expected = json!([
        error("x", "bad_request"),
        error(&second.text(), "bad_request"),
        error(&unknown, "forbidden"),
        error(&second.text(), "forbidden"),
    ]);
    assert_eq!(result, json!({ "spaces": [], "errors": expected }));
    for entry in [&entries[4], &by_token(&space, 0, &foreign)] {
        let result = subscribe(&mut link, std::slice::from_ref(entry)).await;
        assert_eq!(result["errors"], json!([error(&space.text(), "forbidden")]), "{entry}");
    }
    // A chain wins over a token, even an invalid one.
    let both = json!({ "id": space.text(), "since": 0, "ucan": "x", "token": own });
    assert_eq!(subscribe(&mut link, &[both]).await["errors"], json!([error(&space.text(), "forbidden")]));
    assert_eq!(subscribe(&mut link, &[]).await, json!({ "spaces": [] }));
    let many: Vec<_> = (0..1001).map(|_| by_ucan(&space, 0, "x")).collect();
    let response = link.call("subscribe", &json!({ "spaces": many })).await;
    let expected = json!({ "code": "bad_request", "message": "too many spaces in subscribe request" });
    assert_eq!(response["error"], expected);
    assert_eq!(link.call("subscribe", &json!({})).await["error"]["message"], "invalid subscribe params");
    // The rejected entries have not ended the subscription.
    push(&mut space.owner_client().await, &space, 1).await;
    assert_eq!(link.receive_rpc().await["method"], "sync");
}

/// Federation TR-2.
#[tokio::test]
async fn tr_2_server_without_a_secret_issues_and_accepts_no_tokens() {
    let peer = peer();
    let with = server(&[&peer]).await;
    let space = SharedSpace::create(&with).await;
    let token = token(&mut native(&peer, &with).await, by_ucan(&space, 0, space.root())).await;
    let without = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&without).await;
    let mut link = native(&peer, &without).await;
    let result = subscribe(&mut link, &[by_ucan(&space, 0, space.root())]).await;
    assert!(result["spaces"][0]["token"].is_null(), "{result}");
    assert_eq!(subscribe(&mut link, &[by_token(&space, 0, &token)]).await["errors"][0]["error"], "forbidden");
}

/// Federation RP-8: the token authorizes reading, and nothing else.
#[tokio::test]
async fn rp_8_token_authorizes_a_pull() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let space = SharedSpace::create(&server).await;
    push(&mut space.owner_client().await, &space, 1).await;
    let mut link = native(&peer, &server).await;
    let token = token(&mut link, by_ucan(&space, 0, space.root())).await;
    let entry = by_token(&space, 0, &token);
    let (chunks, response) = link.call_with_chunks("pull", &json!({ "spaces": [entry] })).await;
    assert_eq!((chunks.len(), &response["result"]), (3, &json!({ "_chunks": 3 })));
    let forged = json!({ "id": space.text(), "since": 0, "token": "x" });
    let response = link.call("pull", &json!({ "spaces": [forged] })).await;
    let errors = json!([{ "space": space.text(), "error": "forbidden" }]);
    assert_eq!(response["result"], json!({ "_chunks": 0, "errors": errors }));
}

/// Federation §9.4: the link of a push gets no event for it, others do, and the response precedes events.
#[tokio::test]
async fn events_go_to_all_subscribers_but_the_link_that_caused_them() {
    let [peer, other] = [peer(), Peer::new("c.example", 2)];
    let server = server(&[&peer, &other]).await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    owner.call("subscribe", &json!({ "spaces": [by_ucan(&space, 0, space.root())] })).await;
    let mut links = [native(&peer, &server).await, native(&other, &server).await];
    for link in &mut links {
        subscribe(link, &[by_ucan(&space, 0, space.root())]).await;
    }
    let [pusher, watcher] = &mut links;
    push(pusher, &space, 1).await;
    for client in [&mut owner, watcher] {
        let event = client.receive_rpc().await;
        assert_eq!((&event["method"], &event["params"]["cursor"]), (&json!("sync"), &json!(1)));
    }
    push(&mut owner, &space, 2).await;
    assert_eq!(pusher.receive_rpc().await["params"]["cursor"], 2, "nothing about its own push");
}

/// Federation CU-2, §9.2: a small difference precedes the response; a cursor beyond that of the space is an error of its entry.
#[tokio::test]
async fn cu_2_difference_of_a_native_peer_precedes_the_response() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    for index in 1..=3 {
        push(&mut owner, &space, index).await;
    }
    let mut link = native(&peer, &server).await;
    link.request("subscribe", &json!({ "spaces": [by_ucan(&space, 1, space.root())] })).await;
    for cursor in [2, 3] {
        assert_eq!(link.receive_rpc().await["params"]["cursor"], cursor);
    }
    assert_eq!(link.receive_rpc().await["result"]["spaces"][0]["cursor"], 3);
    let ahead = subscribe(&mut link, &[by_ucan(&space, 4, space.root())]).await;
    assert_eq!(ahead["errors"], json!([{ "space": space.text(), "error": "cursor_ahead" }]));
    // `since` of an original peer has no meaning.
    let mut original = peer.dial(&server).await;
    let result = subscribe(&mut original, &[by_ucan(&space, 9, space.root())]).await;
    assert_eq!(result["spaces"][0]["cursor"], 3);
}

/// Federation §9.3.
#[tokio::test]
async fn unsubscribed_space_sends_nothing_more() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let [space, other] = [SharedSpace::create(&server).await, SharedSpace::create(&server).await];
    let mut link = native(&peer, &server).await;
    subscribe(&mut link, &[by_ucan(&space, 0, space.root()), by_ucan(&other, 0, other.root())]).await;
    link.notify("unsubscribe", &json!({ "spaces": [space.text(), "x"] })).await;
    // In the order of the link: the notification has been processed.
    subscribe(&mut link, &[]).await;
    push(&mut space.owner_client().await, &space, 1).await;
    push(&mut other.owner_client().await, &other, 1).await;
    assert_eq!(link.receive_rpc().await["params"]["space"], other.text());
}

/// Federation C38, §10.4, TH-9, T-409: the subscription ends with the last of its chains.
#[tokio::test]
async fn t_409_revocation_ends_a_subscription_with_its_last_chain() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let space = SharedSpace::create(&server).await;
    let mut owner = space.owner_client().await;
    let mut link = native(&peer, &server).await;
    let [one, two] = [(); 2].map(|()| space.invite(&Member::random(), Permission::Read));
    let first = token(&mut link, by_ucan(&space, 0, &one)).await;
    let second = token(&mut link, by_ucan(&space, 0, &two)).await;
    space.revoke(&mut owner, &one).await;
    let notice = link.receive_rpc().await;
    assert_eq!(notice["params"], json!({ "space": space.text(), "reason": "ucan_revoked" }));
    // The token of the revoked chain is worthless, and takes nothing from the other member.
    let error = json!([{ "space": space.text(), "error": "forbidden" }]);
    assert_eq!(subscribe(&mut link, &[by_token(&space, 0, &first)]).await["errors"], error);
    push(&mut owner, &space, 1).await;
    assert_eq!(link.receive_rpc().await["method"], "sync");
    space.revoke(&mut owner, &two).await;
    let farewell = link.receive_rpc().await;
    assert_eq!(farewell["params"], json!({ "space": space.text(), "reason": "membership_removed" }));
    assert_eq!(subscribe(&mut link, &[by_token(&space, 0, &second)]).await["errors"], error);
    push(&mut owner, &space, 2).await;
    let unrelated = SharedSpace::create(&server).await;
    subscribe(&mut link, &[by_ucan(&unrelated, 0, unrelated.root())]).await;
}

/// Federation C23, §10.5: a warning ten minutes before, and the end.
#[tokio::test]
async fn c23_subscription_is_announced_and_ended_at_its_expiry() {
    let peer = peer();
    let server = trusting(&[&peer])
        .setting("FEDERATION_FST_SECRET", SECRET)
        .setting("FEDERATION_FST_MAX_LIFETIME_SECONDS", "900")
        .start()
        .await;
    let space = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    subscribe(&mut link, &[by_ucan(&space, 0, space.root())]).await;
    let resubscribe = json!({ "type": 2, "method": "resubscribe", "params": { "spaces": [space.text()] } });
    // In steps below the dead time of the link.
    let advance = async |link: &mut RawClient, steps: u32| {
        for _ in 0..steps {
            server.clock().advance(Duration::from_mins(1));
            link.send_binary([0xf6]).await;
            subscribe(link, &[]).await;
        }
    };
    server.clock().advance(Duration::from_mins(1));
    subscribe(&mut link, &[]).await;
    advance(&mut link, 3).await;
    // Between the warning at five minutes and the end at fifteen, once.
    server.clock().advance(Duration::from_secs(70));
    assert_eq!(link.receive_rpc().await, resubscribe);
    subscribe(&mut link, &[]).await;
    advance(&mut link, 9).await;
    push(&mut space.owner_client().await, &space, 1).await;
    assert_eq!(link.receive_rpc().await["method"], "sync", "still subscribed");
    server.clock().advance(Duration::from_secs(70));
    assert_eq!(link.receive_rpc().await, resubscribe);
    push(&mut space.owner_client().await, &space, 2).await;
    subscribe(&mut link, &[]).await;
}

/// Pushes more than the event queue of a link and the buffers of its socket hold.
async fn flood(space: &SharedSpace<'_>) {
    let mut owner = space.owner_client().await;
    for index in 1..=40 {
        let changes = [create(index, vec![7; 1024 * 1024])];
        let params = json!({ "space": space.text(), "ucan": space.root(), "changes": changes });
        assert_eq!(owner.call("push", &params).await["result"]["ok"], true);
    }
}

/// Federation CN-5, C39, FM-9, T-309, T-416.
#[tokio::test]
async fn t_309_native_peer_that_does_not_read_is_a_slow_consumer() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let space = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    subscribe(&mut link, &[by_ucan(&space, 0, space.root())]).await;
    flood(&space).await;
    assert_eq!(link.receive_close().await, (4006, "slow consumer".to_owned()));
}

/// Federation CN-7, §20.3, T-119: events are lost, the link is not, and calls get their responses.
#[tokio::test]
async fn t_119_original_peer_that_does_not_read_loses_events_and_keeps_its_link() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let space = SharedSpace::create(&server).await;
    let mut link = peer.dial(&server).await;
    subscribe(&mut link, &[by_ucan(&space, 0, space.root())]).await;
    flood(&space).await;
    // Far beyond the time in which a client has to take a message.
    for _ in 0..3 {
        server.clock().advance(Duration::from_mins(2));
        space.owner_client().await;
    }
    let id = link.request("subscribe", &json!({ "spaces": [] })).await;
    let mut events = 0;
    loop {
        let message = link.receive_rpc().await;
        if message["id"] == json!(id) {
            break;
        }
        events += 1;
    }
    assert!(events < 40, "{events} events");
}

/// Requests of peers in `vectors/frames.json`: each has one response, and none ends the link.
#[tokio::test]
async fn golden_frames_of_peers_have_responses() {
    let peer = peer();
    let server = server(&[&peer]).await;
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../../../vectors/frames.json")).unwrap();
    let requests = vectors.iter().filter(|vector| {
        vector["direction"] == "s2s" && vector["to"] == "home" && vector["kind"] == "golden"
    });
    let mut link = native(&peer, &server).await;
    let mut played = 0;
    for vector in requests {
        link.send_binary(unhex(vector["hex"].as_str().unwrap())).await;
        let response = link.receive_rpc().await;
        assert_eq!(response["id"], vector["value"]["id"], "{vector}");
        assert!(response["error"].is_null(), "{response}");
        played += 1;
    }
    assert!(played >= 4, "only {played} frames");
}
