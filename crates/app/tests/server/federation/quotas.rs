//! Quotas of peers, and the memory of their mutations (federation §16.2, PM-9).

use std::time::Duration;

use less_sync_test_support::{SharedSpace, TestServer, create, update};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};
use super::forwarding::native;

fn peer() -> Peer {
    Peer::new("b.example", 1)
}

fn entry(space: &SharedSpace<'_>) -> Value {
    json!({ "id": space.text(), "since": 0, "ucan": space.root() })
}

fn error(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

/// Federation T-512: an error of the entry for peers that understand it, else of the request.
#[tokio::test]
async fn t_512_space_beyond_the_quota_is_rejected_until_another_one_is_released() {
    let peer = peer();
    let server = trusting(&[&peer]).setting("FEDERATION_MAX_SPACES", "1").start().await;
    let [one, two] = [SharedSpace::create(&server).await, SharedSpace::create(&server).await];
    let mut link = native(&peer, &server).await;
    let both = json!({ "spaces": [entry(&one), entry(&two), entry(&one)] });
    let result = link.call("subscribe", &both).await["result"].clone();
    assert_eq!(result["spaces"].as_array().unwrap().len(), 2, "a duplicate counts once: {result}");
    assert_eq!(result["errors"], json!([{ "space": two.text(), "error": "rate_limited" }]));
    // Over all links of the peer; an original one gets an error, and nothing is subscribed.
    let mut original = peer.dial(&server).await;
    let response = original.call("subscribe", &json!({ "spaces": [entry(&two)] })).await;
    assert_eq!(response["error"], error("rate_limited", "space subscription quota exceeded"));
    assert!(original.call("subscribe", &json!({ "spaces": [entry(&one)] })).await["error"].is_null());
    drop(original);
    link.notify("unsubscribe", &json!({ "spaces": [one.text()] })).await;
    let mut waited = 0;
    // The end of the other link is noticed a little later.
    loop {
        let response = link.call("subscribe", &json!({ "spaces": [entry(&two)] })).await;
        if response["result"]["errors"].is_null() {
            break;
        }
        waited += 1;
        assert!(waited < 10_000, "{response}");
        tokio::task::yield_now().await;
    }
}

/// Federation T-513, T-325: an error with the time to wait for native peers, and none of it for original ones.
#[tokio::test]
async fn t_513_push_beyond_the_record_quota_is_rate_limited() {
    let peer = peer();
    let server = trusting(&[&peer]).setting("FEDERATION_MAX_RECORDS_PER_HOUR", "2").start().await;
    let space = SharedSpace::create(&server).await;
    let push = |changes: Value| json!({ "space": space.text(), "ucan": space.root(), "changes": changes });
    let mut link = native(&peer, &server).await;
    let first = link.call("push", &push(json!([create(1, "a"), create(2, "b")]))).await;
    assert_eq!(first["result"]["ok"], true, "{first}");
    let second = push(json!([update(1, "c", 1)]));
    let rejected = link.call("push", &second).await["error"].clone();
    assert_eq!(
        (&rejected["code"], &rejected["message"]),
        (&json!("rate_limited"), &json!("record push quota exceeded"))
    );
    let wait = rejected["data"]["retry_after_ms"].as_u64().unwrap();
    assert!((1_799_000..=1_800_000).contains(&wait), "{wait}");
    let mut original = peer.dial(&server).await;
    let expected = error("rate_limited", "record push quota exceeded");
    assert_eq!(original.call("push", &second).await["error"], expected);
    // A client of this server has no such quota.
    let mut owner = space.owner_client().await;
    assert_eq!(owner.call("push", &second).await["result"]["ok"], true);
    server.clock().advance(Duration::from_millis(wait));
    let mut link = native(&peer, &server).await;
    assert_eq!(link.call("push", &push(json!([create(3, "d")]))).await["result"]["ok"], true);
}

/// Federation T-514, T-038.
#[tokio::test]
async fn t_514_second_invitation_beyond_the_quota_is_rate_limited() {
    let peer = peer();
    let server = trusting(&[&peer]).setting("FEDERATION_MAX_INVITATIONS_PER_HOUR", "1").start().await;
    let mut link = peer.dial(&server).await;
    let params = json!({ "mailbox_id": "9f".repeat(32), "payload": "jwe" });
    assert_eq!(link.call("fed.invitation", &params).await["result"]["ok"], true);
    let expected = error("rate_limited", "invitation quota exceeded");
    assert_eq!(link.call("fed.invitation", &params).await["error"], expected);
    // Only after the validation.
    let malformed = json!({ "mailbox_id": "", "payload": "jwe" });
    assert_eq!(link.call("fed.invitation", &malformed).await["error"]["code"], "bad_request");
}

/// Federation §22: invitations of one peer in a mailbox.
#[tokio::test]
async fn mailbox_holds_a_hundred_invitations_of_one_peer() {
    let peer = peer();
    let server = trusting(&[&peer]).setting("FEDERATION_MAX_INVITATIONS_PER_HOUR", "1000").start().await;
    let mut link = native(&peer, &server).await;
    let params = json!({ "mailbox_id": "9f".repeat(32), "payload": "jwe" });
    for _ in 0..100 {
        assert_eq!(link.call("fed.invitation", &params).await["result"]["ok"], true);
    }
    let error_of_full = error("rate_limited", "mailbox full");
    assert_eq!(link.call("fed.invitation", &params).await["error"], error_of_full);
}

/// Federation PM-9, C31: on the same link and on another one.
#[tokio::test]
async fn pm_9_repeated_mutation_gets_the_first_response() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let idem = |byte: u8| less_sync_test_support::bytes([byte; 16]);
    let push = |idem: &Value| json!({ "space": space.text(), "ucan": space.root(), "changes": [create(1, "a")], "idem": idem });
    let mut link = native(&peer, &server).await;
    let committed = json!({ "ok": true, "cursor": 1 });
    for _ in 0..2 {
        assert_eq!(link.call("push", &push(&idem(1))).await["result"], committed);
    }
    let mut second = native(&peer, &server).await;
    assert_eq!(second.call("push", &push(&idem(1))).await["result"], committed);
    assert_eq!(second.call("push", &push(&idem(2))).await["result"]["error"], "conflict");
    let mailbox = "9f".repeat(32);
    let invitation = json!({ "mailbox_id": mailbox, "payload": "jwe", "idem": idem(3) });
    for _ in 0..3 {
        let delivered = link.call("fed.invitation", &invitation).await;
        assert_eq!(delivered["result"], json!({ "ok": true, "status": "delivered" }));
    }
    let claims = server.issuer().claims("bob").mailbox(&mailbox);
    let mut bob = server.raw_with_token(&server.issuer().mint(&claims)).await;
    let listed = bob.call("invitation.list", &json!({})).await;
    assert_eq!(listed["result"]["invitations"].as_array().unwrap().len(), 1, "{listed}");
}

/// Server on which one peer has a quota of its own in the peers file.
async fn with_quotas(peer: &Peer, quotas: &str) -> (TestServer, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let table = format!("version = 1\n{}\n[peer.quotas]\n{quotas}\n", peer.table(""));
    std::fs::write(file.path(), table).unwrap();
    let server = TestServer::builder().manual_clock();
    (server.setting("FEDERATION_PEERS_FILE", file.path().to_str().unwrap()).start().await, file)
}

/// Federation §16.2, AD-8, TH-12: a burst is paced, a flood rejected, and sustained abuse closes the links for a minute.
#[tokio::test]
async fn ad_8_sustained_abuse_closes_the_links_of_a_peer() {
    let peer = peer();
    let (server, _file) =
        with_quotas(&peer, "max_invitations_per_hour = 1\nmax_requests_per_second = 100000").await;
    let mut link = native(&peer, &server).await;
    let params = json!({ "mailbox_id": "9f".repeat(32), "payload": "jwe" });
    assert_eq!(link.call("fed.invitation", &params).await["result"]["ok"], true);
    for _ in 0..1000 {
        assert_eq!(link.call("fed.invitation", &params).await["error"]["code"], "rate_limited");
    }
    link.request("fed.invitation", &params).await;
    assert_eq!(link.receive_close().await, (4007, "rate limited".to_owned()));
    let response = peer.upgrade(&server).response(server.address()).await;
    assert_eq!((response.status, response.header("retry-after")), (429, Some("60")));
    server.clock().advance(Duration::from_mins(1));
    native(&peer, &server).await;
}

/// Federation §16.2, TH-12: calls beyond the rate are read later, and far beyond it rejected.
#[tokio::test]
async fn th_12_calls_beyond_the_rate_of_a_peer_are_paced_and_then_rejected() {
    let peer = peer();
    let (server, _file) = with_quotas(&peer, "max_connections = 8\nmax_requests_per_second = 1").await;
    let mut links = Vec::new();
    for _ in 0..6 {
        links.push(peer.dial(&server).await);
    }
    let rejected = error("rate_limited", "rate limited");
    // Two at once, then one and two seconds of debt; every link is paused by its own call only.
    for link in &mut links[..4] {
        assert_eq!(link.call("subscribe", &json!({ "spaces": [] })).await["result"], json!({ "spaces": [] }));
    }
    assert_eq!(links[4].call("subscribe", &json!({ "spaces": [] })).await["error"], rejected);
    // The third link is not read for a second.
    let id = links[2].request("subscribe", &json!({ "spaces": [] })).await;
    assert_eq!(links[5].call("subscribe", &json!({ "spaces": [] })).await["error"], rejected);
    server.clock().advance(Duration::from_secs(10));
    assert_eq!(links[2].receive_rpc().await, json!({ "type": 1, "id": id, "result": { "spaces": [] } }));
}
