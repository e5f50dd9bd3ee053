//! `invitation.create`, `.list`, `.get`, `.delete`, and the notice to the mailbox (protocol §4.11–§4.13).

use std::fs::OpenOptions;
use std::time::Duration;

use less_sync_core::Permission;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, create, within};
use serde_json::{Value, json};

use crate::rpc_error::error;
use crate::shared::log_limits::KEY;

const UNKNOWN: &str = "2f9a6c10-0d3b-4b7e-9f55-8e7d6c5b4a39";

fn mailbox(of: char) -> String {
    String::from(of).repeat(64)
}

/// A connection of `user` with the mailbox of that character.
async fn owner(server: &TestServer, user: &str, of: char) -> RawClient {
    let claims = server.issuer().claims(user).mailbox(&mailbox(of));
    server.raw_with_token(&server.issuer().mint(&claims)).await
}

async fn send(client: &mut RawClient, to: char, payload: &str) -> Value {
    client.call("invitation.create", &json!({ "mailbox_id": mailbox(to), "payload": payload })).await
}

async fn list(client: &mut RawClient, params: &Value) -> Vec<Value> {
    let response = client.call("invitation.list", params).await;
    response["result"]["invitations"].as_array().unwrap_or_else(|| panic!("{response}")).clone()
}

fn ids(invitations: &[Value]) -> Vec<String> {
    invitations.iter().map(|invitation| invitation["id"].as_str().unwrap().to_owned()).collect()
}

/// RFC 3339 in UTC with up to six digits of a second and no zero at their end.
fn is_time(text: &str) -> bool {
    let shape: String =
        text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let Some(fraction) = shape.strip_prefix("0000-00-00T00:00:00").and_then(|rest| rest.strip_suffix('Z'))
    else {
        return false;
    };
    let digits = text.trim_end_matches('Z');
    fraction.is_empty()
        || (fraction.len() <= 7 && fraction.starts_with('.') && !digits.ends_with('0') && fraction.len() > 1)
}

/// `WS_INVITATION_TTL` is the time from creation to expiry.
#[tokio::test]
async fn lifetime_of_invitations_can_be_set() {
    let server = TestServer::builder().setting("WS_INVITATION_TTL", "1h").start().await;
    let mut alice = server.raw("alice").await;
    let sent = send(&mut alice, 'b', "jwe").await["result"].clone();
    let (created, expires) = (sent["created_at"].as_str().unwrap(), sent["expires_at"].as_str().unwrap());
    let hour = |time: &str| time[11..13].parse::<u32>().unwrap();
    assert_eq!(hour(expires), (hour(created) + 1) % 24, "{sent}");
    assert_eq!(created[13..], expires[13..], "{sent}");
}

/// P-110, P-111, P-120, P-122: every user may write to a mailbox; its owner reads the invitations.
#[tokio::test]
async fn invitation_is_readable_by_the_mailbox_owner_only() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = [server.raw("alice").await, owner(&server, "bob", 'b').await];
    let sent = send(&mut alice, 'b', "jwe-é").await["result"].clone();
    assert_eq!(sent["payload"], "jwe-é");
    let (created, expires) = (sent["created_at"].as_str().unwrap(), sent["expires_at"].as_str().unwrap());
    assert!(is_time(created) && is_time(expires), "{sent}");
    assert_eq!(created[10..], expires[10..], "seven days later, to the microsecond");
    assert_ne!(created[..10], expires[..10]);
    assert_eq!(list(&mut bob, &json!({})).await, std::slice::from_ref(&sent));
    let id = sent["id"].as_str().unwrap();
    for spelled in [id.to_owned(), id.to_uppercase(), id.replace('-', "")] {
        let found = bob.call("invitation.get", &json!({ "id": spelled })).await;
        assert_eq!(found["result"], sent, "{spelled}");
    }
}

/// P-121, P-123, P-124: the mailbox is that of the token; without one the list is empty.
#[tokio::test]
async fn mailboxes_of_other_users_appear_empty() {
    let server = TestServer::start().await;
    let mut bob = owner(&server, "bob", 'b').await;
    let sent = send(&mut bob, 'b', "x").await["result"].clone();
    let not_found = error("not_found", "not found");
    for mut other in [owner(&server, "bob", 'c').await, server.raw("bob").await] {
        assert_eq!(list(&mut other, &json!({})).await, [Value::Null; 0]);
        for method in ["invitation.get", "invitation.delete"] {
            let response = other.call(method, &json!({ "id": sent["id"] })).await;
            assert_eq!(response["error"], not_found, "{method}");
        }
    }
    let id = json!({ "id": sent["id"] });
    assert_eq!(bob.call("invitation.delete", &id).await["result"], json!({}));
    for method in ["invitation.get", "invitation.delete"] {
        assert_eq!(bob.call(method, &id).await["error"], not_found, "{method}");
        assert_eq!(bob.call(method, &json!({ "id": UNKNOWN })).await["error"], not_found, "{method}");
    }
}

/// P-112…P-114, P-116, P-118: every fault with its message, in the order of protocol §4.11.
#[tokio::test]
async fn malformed_invitations_are_rejected_with_their_messages() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    let (right, long) = (mailbox('b'), "x".repeat(131_073));
    let hex = error("bad_request", "mailbox_id must be 64-char hex string");
    let federation = error("bad_request", "federation is not enabled on this server");
    for (params, expected) in [
        (json!({ "mailbox_id": "", "payload": "" }), error("bad_request", "missing mailbox_id")),
        (json!({ "mailbox_id": mailbox('B'), "payload": "" }), hex.clone()),
        (json!({ "mailbox_id": &right[1..], "payload": "x" }), hex.clone()),
        (json!({ "mailbox_id": mailbox('g'), "payload": long }), hex),
        (json!({ "mailbox_id": right, "payload": "" }), error("bad_request", "missing payload")),
        (
            json!({ "mailbox_id": right, "payload": long, "server": "s" }),
            error("payload_too_large", "payload too large"),
        ),
        (json!({ "mailbox_id": right, "payload": "x", "server": "peer.example" }), federation),
    ] {
        let response = alice.call("invitation.create", &params).await;
        assert_eq!(response["error"], expected, "{}", params["mailbox_id"]);
    }
    let full = json!({ "mailbox_id": right, "payload": &long[1..], "server": "", "tag": null });
    assert_eq!(alice.call("invitation.create", &full).await["result"]["payload"], long[1..]);
    for (method, label) in [("create", "create"), ("list", "list"), ("get", "get"), ("delete", "delete")] {
        let response = alice.call(&format!("invitation.{method}"), &json!([])).await;
        assert_eq!(response["error"], error("invalid_params", &format!("invalid invitation {label} params")));
    }
    for method in ["invitation.get", "invitation.delete"] {
        let response = alice.call(method, &json!({ "id": "" })).await;
        assert_eq!(response["error"], error("bad_request", "invalid invitation id"));
    }
    let response = alice.call("invitation.list", &json!({ "after": "x" })).await;
    assert_eq!(response["error"], error("bad_request", "invalid invitation cursor"));
}

/// P-125, P-126: pages of 50, at most 200; a position that is not in the mailbox gives an empty page.
#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let server = TestServer::builder().setting("RATE_LIMIT_INVITATIONS_PER_HOUR", "1000").start().await;
    let mut bob = owner(&server, "bob", 'b').await;
    let mut sent = Vec::new();
    for number in 0..203 {
        let response = send(&mut bob, 'b', &number.to_string()).await;
        sent.push(response["result"]["id"].as_str().unwrap().to_owned());
    }
    for (limit, expected) in [(0, 50), (-7, 50), (1, 1), (60, 60), (200, 200), (i32::MAX, 200)] {
        let page = list(&mut bob, &json!({ "limit": limit })).await;
        assert_eq!(ids(&page), sent[..expected], "limit {limit}");
    }
    let rest = list(&mut bob, &json!({ "limit": 200, "after": sent[199] })).await;
    assert_eq!(ids(&rest), sent[200..]);
    assert_eq!(ids(&list(&mut bob, &json!({ "after": "" })).await), sent[..50]);
    let foreign = send(&mut bob, 'c', "x").await["result"]["id"].clone();
    for after in [&json!(sent[202]), &foreign, &json!(UNKNOWN)] {
        assert_eq!(list(&mut bob, &json!({ "after": after })).await, [Value::Null; 0], "{after}");
    }
}

/// Protocol §2.7: responses are at most 4 MiB; the client continues until a page is empty.
#[tokio::test]
async fn page_ends_before_the_frame_limit() {
    let server = TestServer::start().await;
    let mut bob = owner(&server, "bob", 'b').await;
    let payload = "x".repeat(131_072);
    for _ in 0..40 {
        assert!(send(&mut bob, 'b', &payload).await["result"].is_object());
    }
    let (mut pages, mut after) = (Vec::new(), json!(null));
    loop {
        let page = list(&mut bob, &json!({ "limit": 200, "after": after })).await;
        let Some(last) = page.last() else { break };
        after = last["id"].clone();
        pages.push(page.len());
    }
    assert_eq!(pages.iter().sum::<usize>(), 40);
    // 28 of them are 3.5 MiB, and one may lie across the end.
    assert!(pages.len() == 2 && (28..=29).contains(&pages[0]), "{pages:?}");
}

/// X-14, the exception of G5: a single notice between one and five seconds later for all new invitations, without
/// content, to every connection of the mailbox, the sender's own included.
#[tokio::test]
async fn notice_is_delayed_and_has_no_content() {
    let server = TestServer::with_manual_clock().await;
    let mut devices = [owner(&server, "bob", 'b').await, owner(&server, "bob", 'b').await];
    let mut stranger = owner(&server, "carol", 'c').await;
    let [first, second] = &mut devices;
    for device in [&mut *first, &mut *second, &mut stranger] {
        device.assert_alive().await;
    }
    for round in 0..2 {
        send(first, 'b', "one").await;
        send(&mut stranger, 'b', "two").await;
        server.clock().advance(Duration::from_millis(999));
        for device in [&mut *first, &mut *second] {
            device.assert_quiet().await;
        }
        server.clock().advance(Duration::from_millis(4001));
        for device in [&mut *first, &mut *second] {
            assert_eq!(device.receive_notification("invitation").await, json!({}), "round {round}");
            device.assert_quiet().await;
        }
        stranger.assert_quiet().await;
    }
}

/// P-228, X-27: failures do not count, an exhausted budget is reported before any other fault, and both kinds of
/// counters agree.
#[tokio::test]
async fn hourly_budget_counts_delivered_invitations() {
    let limited = || TestServer::builder().setting("RATE_LIMIT_INVITATIONS_PER_HOUR", "2");
    for builder in [limited(), limited().setting("IDENTITY_HASH_KEY", KEY)] {
        let server = builder.setting("MAX_INVITATIONS_PER_MAILBOX", "1").start().await;
        let mut alice = server.raw("alice").await;
        for _ in 0..4 {
            assert_eq!(send(&mut alice, 'b', "").await["error"]["message"], "missing payload");
        }
        assert!(send(&mut alice, 'b', "x").await["result"].is_object());
        for _ in 0..4 {
            assert_eq!(send(&mut alice, 'b', "x").await["error"], error("rate_limited", "mailbox full"));
        }
        assert!(send(&mut alice, 'c', "x").await["result"].is_object());
        let mut again = server.raw("alice").await;
        let rejected = error("rate_limited", "rate limit exceeded: max 2 invitations per hour");
        assert_eq!(send(&mut again, 'd', "x").await["error"], rejected);
        assert_eq!(send(&mut again, 'd', "").await["error"], rejected, "before anything is checked");
        let mut bob = server.raw("bob").await;
        assert!(send(&mut bob, 'd', "x").await["result"].is_object(), "budgets are per actor");
    }
}

/// X-27, B-15: six concurrent connections together get exactly the limit.
#[tokio::test]
async fn budget_is_exact_under_concurrency() {
    let limited = || TestServer::builder().setting("RATE_LIMIT_INVITATIONS_PER_HOUR", "10");
    for builder in [limited(), limited().setting("IDENTITY_HASH_KEY", KEY)] {
        let server = builder.start().await;
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let mut client = server.raw("alice").await;
            senders.spawn(async move {
                let mut sent = 0;
                for _ in 0..4 {
                    sent += usize::from(send(&mut client, 'b', "x").await["result"].is_object());
                }
                sent
            });
        }
        assert_eq!(senders.join_all().await.iter().sum::<usize>(), 10);
    }
}

/// P-115: a failure of the store is not a rejection.
#[tokio::test]
async fn store_that_fails_is_internal() {
    let server = TestServer::builder().embedded().start().await.restart().await;
    let file = OpenOptions::new().write(true).open(server.folder().join("less-sync.db")).unwrap();
    file.set_len(4096).unwrap();
    let mut bob = owner(&server, "bob", 'b').await;
    let id = json!({ "id": UNKNOWN });
    let letter = json!({ "mailbox_id": mailbox('b'), "payload": "x" });
    for (method, params) in [("create", &letter), ("list", &json!({})), ("get", &id), ("delete", &id)] {
        let response = bob.call(&format!("invitation.{method}"), params).await;
        assert_eq!(response["error"], error("internal", "internal"), "{method}");
    }
}

/// P-124, P-125: expired invitations are hidden, still serve as positions, and are purged later.
#[tokio::test]
async fn expired_invitations_are_hidden_and_purged() {
    let server = TestServer::builder().embedded().manual_clock().start().await;
    let mut bob = owner(&server, "bob", 'b').await;
    let mut sent = Vec::new();
    for number in 0..3 {
        sent.push(send(&mut bob, 'b', &number.to_string()).await["result"].clone());
    }
    let db = rusqlite::Connection::open(server.folder().join("less-sync.db")).unwrap();
    db.busy_timeout(Duration::from_mins(1)).unwrap();
    let expired =
        "UPDATE invitations SET expires_at = 1 WHERE created_at = (SELECT min(created_at) FROM invitations)";
    assert_eq!(db.execute(expired, []).unwrap(), 1);
    assert_eq!(ids(&list(&mut bob, &json!({})).await), ids(&sent[1..]));
    assert_eq!(ids(&list(&mut bob, &json!({ "after": sent[0]["id"] })).await), ids(&sent[1..]));
    let response = bob.call("invitation.get", &json!({ "id": sent[0]["id"] })).await;
    assert_eq!(response["error"], error("not_found", "not found"));
    bob.vanish();
    let rows = || db.query_row("SELECT count(*) FROM invitations", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(rows(), 3);
    within("the purge", async {
        while rows() > 2 {
            server.clock().advance(Duration::from_mins(1));
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// P-261, P-268: invite, notice, accept, live data.
#[tokio::test]
async fn invitation_leads_to_live_data() {
    let server = TestServer::with_manual_clock().await;
    let space = SharedSpace::create(&server).await;
    let member = Member::random();
    let claims = server.issuer().claims("bob").mailbox(&mailbox('b')).with("did", member.did());
    let mut bob = server.raw_with_token(&server.issuer().mint(&claims)).await;
    let mut alice = space.owner_client().await;
    bob.assert_alive().await;
    send(&mut alice, 'b', &space.invite(&member, Permission::Write)).await;
    server.clock().advance(Duration::from_secs(5));
    bob.receive_notification("invitation").await;
    let letters = list(&mut bob, &json!({})).await;
    let ucan = letters[0]["payload"].as_str().unwrap();
    bob.subscribe_with(&space.text(), ucan).await;
    assert_eq!(bob.call("invitation.delete", &json!({ "id": letters[0]["id"] })).await["result"], json!({}));
    let pushed = alice.push_with(&space.text(), space.root(), &[create(1, "hello")]).await;
    assert_eq!(pushed["ok"], true, "{pushed}");
    let sync = bob.receive_notification("sync").await;
    assert_eq!(sync["space"], space.text());
}
