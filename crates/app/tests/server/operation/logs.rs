//! Logs of a server at every level: no content, no credential, and nobody's name (operations §6).
//!
//! Every test with a [`TestServer`] scans for tokens, chains, DIDs, mailboxes and users. These add content, and credentials in
//! places where they do not belong.

use std::io;
use std::sync::Arc;

use less_sync_core::Permission;
use less_sync_test_support::{Member, SharedSpace, TestServer, bytes, create, never_logged, update};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// Content of every record, event and file of these tests, as text and as the numbers that `Debug` writes of bytes.
const CONTENT: &str = "content-of-a-client";

fn never_log_content() {
    never_logged(CONTENT);
    never_logged(format!("{:?}", CONTENT.as_bytes()).trim_matches(['[', ']']));
}

#[tokio::test]
async fn content_is_logged_at_no_level() {
    never_log_content();
    let server = TestServer::builder().files().start().await;
    let space = server.space("alice");
    let mut watcher = server.raw("alice").await;
    watcher.subscribe(&space).await;
    let mut client = server.raw("alice").await;
    client.push_ok(&space, &[create(1, CONTENT)]).await;
    client.push(&space, &[update(1, CONTENT, 7)]).await;
    client.pull(&space, 0).await;
    client.notify("event.send", &json!({ "space": space, "type": CONTENT, "data": bytes(CONTENT) })).await;
    client.notify("presence.set", &json!({ "space": space, "data": bytes(CONTENT) })).await;
    let letter = json!({ "mailbox_id": "a".repeat(64), "payload": CONTENT });
    client.call("invitation.create", &letter).await;
    server.upload("alice", "8f0b6a3e-4d6a-4a3e-9a64-0a5b1c2d3e4f", CONTENT.as_bytes()).await;
    client.assert_alive().await;
}

#[tokio::test]
async fn credentials_in_the_wrong_place_are_logged_at_no_level() {
    let server = TestServer::start().await;
    let shared = SharedSpace::create(&server).await;
    let member = Member::random();
    let chain = shared.invite(&member, Permission::Read);
    let token = server.token_as("bobby", &member);
    let mut client = server.raw_as("bobby", &member).await;
    for misplaced in [token.as_str(), &chain] {
        client.call(misplaced, &json!({})).await;
        client.call("push", &json!({ "space": misplaced, "changes": [] })).await;
        client.call("subscribe", &json!({ "spaces": [{ "id": shared.text(), "ucan": misplaced }] })).await;
        client.call("membership.revoke", &json!({ "space": shared.text(), "ucan_cid": misplaced })).await;
        server.get(&format!("/api/v1/spaces/{misplaced}/files/{misplaced}?token={misplaced}")).await;
    }
    client.assert_alive().await;
}

/// Lines of a log in JSON.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn failure_of_the_store_names_connection_method_and_cause() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::INFO);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::builder().database_pages(256).start().await;
    let (space, mut client) = (server.space("alice"), server.raw("alice").await);
    let mut index = 0;
    while client.push(&space, &[create(index, vec![7; 64 * 1024])]).await["ok"] == true {
        index += 1;
        assert!(index < 100, "the disk does not fill up");
    }
    let text = String::from_utf8(lines.0.lock().clone()).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let failures: Vec<_> = events.filter(|event| event["level"] == "ERROR").collect();
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failure["message"], "storage operation failed");
    assert!(failure["error"].as_str().unwrap().contains("full"), "{failure}");
    let spans = failure["spans"].as_array().unwrap();
    let [connection, rpc] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((&connection["name"], &connection["protocol"]), (&json!("connection"), &json!("less-rpc-v1")));
    assert_eq!(connection["connection_id"].as_str().unwrap().len(), 36, "{connection}");
    assert_eq!((&rpc["name"], &rpc["rpc"]), (&json!("rpc"), &json!("push")));
}
