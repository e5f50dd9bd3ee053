//! Methods for spaces that a peer forwards: the chain alone decides, and nothing says which spaces exist (federation §9).

use less_sync_core::Permission;
use less_sync_test_support::{
    Member, RawClient, SharedSpace, TestServer, bytes, create, derived_space, random_space, record_id,
};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};
use super::link::Dialer as _;
use crate::shared::access::outcome;
use crate::shared::log::hashed;

fn peer() -> Peer {
    Peer::new("b.example", 1)
}

/// Link of a native peer.
pub(super) async fn native(peer: &Peer, server: &TestServer) -> RawClient {
    let mut link = peer.dial(server).await;
    link.assert_alive_link(peer).await;
    link
}

async fn push(client: &mut RawClient, space: &str, ucan: &str, changes: &[Value]) -> Value {
    let params = json!({ "space": space, "ucan": ucan, "changes": changes });
    client.call("push", &params).await["result"].clone()
}

/// Federation T-513: cursor, begin, record, commit, and their number.
#[tokio::test]
async fn t_513_pushes_and_pulls_of_a_peer_are_those_of_a_member() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let ucan = space.invite(&Member::random(), Permission::Write);
    let mut link = native(&peer, &server).await;
    assert_eq!(
        push(&mut link, &space.text(), "", &[create(1, "a")]).await,
        json!({ "ok": false, "error": "forbidden" })
    );
    assert_eq!(
        push(&mut link, &space.text(), &ucan, &[create(1, "a")]).await,
        json!({ "ok": true, "cursor": 1 })
    );
    assert_eq!(
        push(&mut link, &space.text(), &ucan, &[create(1, "b")]).await,
        json!({ "ok": false, "cursor": 1, "error": "conflict" })
    );
    assert_eq!(
        push(&mut link, "no id", &ucan, &[create(1, "b")]).await,
        json!({ "ok": false, "error": "bad_request" })
    );
    let entry = json!({ "id": space.text().to_uppercase(), "since": 0, "ucan": ucan });
    let (chunks, response) = link.call_with_chunks("pull", &json!({ "spaces": [entry] })).await;
    let names: Vec<_> = chunks.iter().map(|chunk| chunk["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pull.begin", "pull.record", "pull.commit"]);
    assert_eq!(chunks[1]["data"]["space"], space.text().to_uppercase(), "echoed (ID-8)");
    assert_eq!(response["result"], json!({ "_chunks": 3 }));
}

/// Federation RP-5 and RP-6.
#[tokio::test]
async fn pulls_of_a_peer_name_skipped_spaces_and_reject_a_cursor_ahead() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    let unknown = random_space().to_string();
    let spaces = json!([
        { "id": unknown, "since": 0, "ucan": space.root() },
        { "id": space.text(), "since": 0, "ucan": space.root() },
        { "id": "x", "since": 0 },
    ]);
    let (chunks, response) = link.call_with_chunks("pull", &json!({ "spaces": spaces })).await;
    assert_eq!(chunks.len(), 2);
    let errors =
        json!([{ "space": unknown, "error": "forbidden" }, { "space": "x", "error": "bad_request" }]);
    assert_eq!(response["result"], json!({ "_chunks": 2, "errors": errors }));
    let mut ahead = json!({ "spaces": [{ "id": space.text(), "since": 7, "ucan": space.root() }] });
    let expected = json!({ "code": "cursor_ahead", "message": "since 7 exceeds current cursor 0" });
    assert_eq!(link.call("pull", &ahead).await["error"], expected);
    ahead["on_cursor_ahead"] = json!("rewind");
    assert_eq!(link.call_with_chunks("pull", &ahead).await.1["result"], json!({ "_chunks": 2 }));
}

/// Federation §9.1, INV-5, INV-6: `forbidden` for every chain and every space.
#[tokio::test]
async fn inv_6_every_miss_of_a_peer_is_forbidden() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let other = SharedSpace::create(&server).await;
    let personal = server.space("alice");
    let mut alice = server.raw("alice").await;
    assert_eq!(
        alice.call("push", &json!({ "space": personal, "changes": [create(1, "a")] })).await["result"]["ok"],
        true
    );
    let mut link = native(&peer, &server).await;
    let valid = space.invite(&Member::random(), Permission::Admin);
    let expired = space.invitation(&Member::random(), Permission::Admin).with("exp", 1).sign();
    let forged = Member::random().ucan(space.id()).sign();
    let owner = Member::random();
    let unknown = random_space();
    let self_made = owner.ucan(unknown).sign();
    let cases = [
        (space.text(), None),
        (space.text(), Some(other.root())),
        (space.text(), Some(expired.as_str())),
        (space.text(), Some(forged.as_str())),
        (personal, Some(valid.as_str())),
        (derived_space().to_string(), Some(valid.as_str())),
        (random_space().to_string(), Some(valid.as_str())),
        (unknown.to_string(), Some(self_made.as_str())),
    ];
    for (case, (space, ucan)) in cases.into_iter().enumerate() {
        for method in ["subscribe", "push", "membership.append", "membership.list", "membership.revoke"] {
            let expected = if ucan.is_none() && method == "subscribe" { "bad_request" } else { "forbidden" };
            assert_eq!(outcome(&mut link, method, &space, ucan).await, expected, "{method} {case}");
        }
    }
    for method in ["subscribe", "push", "membership.append", "membership.list"] {
        assert_eq!(outcome(&mut link, method, &space.text(), Some(&valid)).await, "ok", "{method}");
    }
}

/// Federation §9.1: the permission is that of the chain, as for clients.
#[tokio::test]
async fn permissions_of_a_forwarded_chain_are_enforced() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    let reader = space.invite(&Member::random(), Permission::Read);
    let writer = space.invite(&Member::random(), Permission::Write);
    for (ucan, method, expected) in [
        (&reader, "push", "forbidden"),
        (&reader, "membership.append", "ok"),
        (&writer, "push", "ok"),
        (&writer, "membership.revoke", "forbidden"),
    ] {
        assert_eq!(outcome(&mut link, method, &space.text(), Some(ucan)).await, expected, "{method}");
    }
}

/// Federation C20: logs, epochs and keys through a peer.
#[tokio::test]
async fn c20_resource_methods_of_a_peer_have_the_results_of_clients() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    let admin = Member::random();
    let ucan = space.invite(&admin, Permission::Admin);
    let with = |mut params: Value| {
        params["space"] = json!(space.text());
        params["ucan"] = json!(ucan);
        params
    };
    let (hash, payload) = hashed("entry");
    let append = json!({ "expected_version": 0, "entry_hash": hash, "payload": payload });
    assert_eq!(link.call("membership.append", &with(append)).await["result"]["chain_seq"], 1);
    let list = link.call("membership.list", &with(json!({}))).await;
    assert_eq!(list["result"]["entries"].as_array().unwrap().len(), 1, "{list}");
    let changes = json!({ "changes": [create(1, "a")] });
    assert_eq!(link.call("push", &with(changes)).await["result"]["ok"], true);
    assert_eq!(link.call("epoch.begin", &with(json!({ "epoch": 2 }))).await["result"], json!({ "epoch": 2 }));
    for method in ["deks.get", "deks.getFiles", "file.deks.get"] {
        let (_, response) = link.call_with_chunks(method, &with(json!({ "since": 0 }))).await;
        assert!(response["error"].is_null(), "{method}: {response}");
    }
    for method in ["deks.rewrap", "deks.rewrapFiles", "file.deks.rewrap"] {
        let response = link.call(method, &with(json!({ "deks": [] }))).await;
        assert_eq!(response["result"]["ok"], true, "{method}: {response}");
    }
    // The share is that of the audience of the chain, whoever asks (newer-clients §9).
    let keys = json!([{ "member_did": admin.did(), "wrapped_key": bytes("for the admin") }]);
    assert_eq!(
        link.call("epochKeys.put", &with(json!({ "epoch": 2, "keys": keys }))).await["result"],
        json!({ "count": 1 })
    );
    let own = link.call("epochKeys.get", &with(json!({ "epoch": 2 }))).await;
    assert_eq!(own["result"], json!({ "wrapped_key": bytes("for the admin") }));
    let foreign = json!({ "space": space.text(), "ucan": space.root(), "epoch": 2 });
    assert_eq!(link.call("epochKeys.get", &foreign).await["error"]["code"], "not_found");
    assert_eq!(link.call("epoch.complete", &with(json!({ "epoch": 2 }))).await["result"], json!({}));
}

/// Federation C20: a listing guards the rewraps of the member who asked for it, not those of others behind the same link.
#[tokio::test]
async fn listings_of_the_members_behind_a_link_are_kept_apart() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let [one, two] = [(); 2].map(|()| space.invite(&Member::random(), Permission::Admin));
    let mut link = native(&peer, &server).await;
    let dek = |mark: u8| bytes([&[0, 0, 0, 1][..], &[mark; 40]].concat());
    let list = |ucan: &str| json!({ "space": space.text(), "ucan": ucan });
    for (index, ucan) in [(1, &one), (2, &two)] {
        let mut change = create(index, "x");
        change["dek"] = dek(1);
        assert_eq!(push(&mut link, &space.text(), space.root(), &[change]).await["ok"], true);
        link.call("deks.get", &list(ucan)).await;
    }
    for (ucan, mark, expected) in [(&one, 7, 1), (&two, 8, 8)] {
        let deks = json!([{ "id": record_id(2), "dek": dek(mark) }]);
        let rewrap = json!({ "space": space.text(), "ucan": ucan, "deks": deks });
        assert_eq!(link.call("deks.rewrap", &rewrap).await["result"]["ok"], true);
        let listed = link.call("deks.get", &list(space.root())).await;
        assert_eq!(listed["result"]["deks"][1]["wrapped_dek"], dek(expected), "{listed}");
    }
}

/// Federation CN-3: calls for different spaces run beside each other, those for one space in order.
#[tokio::test]
async fn cn_3_calls_of_one_space_keep_their_order() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let [one, two] = [SharedSpace::create(&server).await, SharedSpace::create(&server).await];
    let mut link = native(&peer, &server).await;
    let mut requests = Vec::new();
    for index in 0..30 {
        for space in [&one, &two] {
            let changes = [create(index, "x")];
            let params = json!({ "space": space.text(), "ucan": space.root(), "changes": changes });
            requests.push((
                link.request("push", &params).await,
                space.text(),
                i64::try_from(index).unwrap() + 1,
            ));
        }
    }
    let mut responses = std::collections::HashMap::new();
    for _ in &requests {
        let response = link.receive_rpc().await;
        responses.insert(response["id"].as_str().unwrap().to_owned(), response["result"].clone());
    }
    for (id, space, cursor) in requests {
        assert_eq!(responses[&id], json!({ "ok": true, "cursor": cursor }), "{space}");
    }
}

/// Federation C19, T-514: stored with its origin, and announced to the recipient.
#[tokio::test]
async fn t_514_invitation_of_a_peer_is_stored_and_announced() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let mailbox = "9f".repeat(32);
    let claims = server.issuer().claims("bob").mailbox(&mailbox);
    let mut bob = server.raw_with_token(&server.issuer().mint(&claims)).await;
    let mut link = native(&peer, &server).await;
    let error = |code: &str, message: &str| json!({ "code": code, "message": message });
    for (params, expected) in [
        (json!({ "mailbox_id": mailbox }), error("invalid_params", "invalid params")),
        (json!({ "mailbox_id": "", "payload": "" }), error("bad_request", "missing mailbox_id")),
        (
            json!({ "mailbox_id": "9F", "payload": "" }),
            error("bad_request", "mailbox_id must be 64-char hex string"),
        ),
        (json!({ "mailbox_id": mailbox, "payload": "" }), error("bad_request", "missing payload")),
        (
            json!({ "mailbox_id": mailbox, "payload": "x".repeat(131_073) }),
            error("payload_too_large", "payload too large"),
        ),
    ] {
        assert_eq!(link.call("fed.invitation", &params).await["error"], expected);
    }
    let delivered = link.call("fed.invitation", &json!({ "mailbox_id": mailbox, "payload": "jwe" })).await;
    assert_eq!(delivered["result"], json!({ "ok": true, "status": "delivered" }));
    server.clock().advance(std::time::Duration::from_secs(5));
    assert_eq!(bob.receive_rpc().await, json!({ "type": 2, "method": "invitation", "params": {} }));
    let listed = bob.call("invitation.list", &json!({})).await;
    assert_eq!(listed["result"]["invitations"][0]["payload"], "jwe", "{listed}");
}

/// Federation §9.8: the stream ends without a response, and the link goes on.
#[tokio::test]
async fn cancelled_pull_has_no_response() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    for index in 0..16 {
        let blob = "x".repeat(512 * 1024);
        assert_eq!(push(&mut link, &space.text(), space.root(), &[create(index, blob)]).await["ok"], true);
    }
    let entry = json!({ "id": space.text(), "since": 0, "ucan": space.root() });
    let id = link.request("pull", &json!({ "spaces": [entry] })).await;
    link.notify("fed.cancel", &json!({ "id": id })).await;
    link.notify("fed.cancel", &json!({ "id": "unknown" })).await;
    let last = link.request("membership.list", &json!({ "space": space.text(), "ucan": space.root() })).await;
    let mut chunks = 0;
    loop {
        let message = link.receive_rpc().await;
        match message["id"].as_str() {
            Some(of) if of == id => {
                assert!(message["result"].is_null(), "{message}");
                chunks += 1;
            }
            of => break assert_eq!(of, Some(last.as_str()), "{message}"),
        }
    }
    assert!(chunks < 18, "{chunks} chunks of a cancelled pull");
    link.assert_alive_link(&peer).await;
}
