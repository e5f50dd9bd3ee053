//! Logs of a server at every level: no content, no credential, and nobody's name (operations §6).
//!
//! Every test with a [`TestServer`] scans for tokens, chains, DIDs, mailboxes and users. These add content, and credentials in
//! places where they do not belong.

use std::io;
use std::sync::Arc;

use less_sync_app::Tasks;
use less_sync_core::Permission;
use less_sync_test_support::{
    ManualClock, Member, SharedSpace, TestServer, bytes, create, never_logged, update, within,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::operation::operator;

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

impl Lines {
    /// Collects what this thread logs up to `level`.
    fn collect(&self, level: tracing::Level) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(level);
        tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish())
    }

    fn events(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The first event with this message.
    fn event(&self, message: &str) -> Option<Value> {
        self.events().into_iter().find(|event| event["message"] == message)
    }
}

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
    let _guard = lines.collect(tracing::Level::INFO);
    let server = TestServer::builder().database_pages(256).start().await;
    let (space, mut client) = (server.space("alice"), server.raw("alice").await);
    let mut index = 0;
    while client.push(&space, &[create(index, vec![7; 64 * 1024])]).await["ok"] == true {
        index += 1;
        assert!(index < 100, "the disk does not fill up");
    }
    let failures: Vec<_> = lines.events().into_iter().filter(|event| event["level"] == "ERROR").collect();
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failure["message"], "storage operation failed");
    assert!(failure["error"].as_str().unwrap().contains("full"), "{failure}");
    let spans = failure["spans"].as_array().unwrap();
    let [connection, rpc] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((&connection["name"], &connection["protocol"]), (&json!("connection"), &json!("less-rpc-v1")));
    assert_eq!(connection["connection_id"].as_str().unwrap().len(), 36, "{connection}");
    assert_eq!((&rpc["name"], &rpc["rpc"]), (&json!("rpc"), &json!("push")));
}

#[tokio::test]
async fn spans_of_connection_and_request_end_with_frames_and_outcome() {
    let lines = Lines::default();
    let _guard = lines.collect(tracing::Level::DEBUG);
    let server = TestServer::start().await;
    let (space, mut client) = (server.space("alice"), server.raw("alice").await);
    client.push_ok(&space, &[create(1, "one")]).await;
    let rejected = client.call("subscribe", &json!({ "spaces": 7 })).await;
    assert_eq!(rejected["error"]["code"], "invalid_params");
    drop(client);
    let ended = async {
        loop {
            if let Some(ended) = lines.event("connection ended") {
                return ended;
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = within("the end of the connection", ended).await;
    // The token, the push and the subscription; two responses.
    assert_eq!((&ended["spans"][0]["frames_in"], &ended["spans"][0]["frames_out"]), (&json!(3), &json!(2)));
    let outcomes: Vec<_> =
        lines.events().into_iter().filter(|event| event["message"] == "response queued").collect();
    let outcomes: Vec<_> =
        outcomes.iter().map(|event| (&event["spans"][1]["rpc"], &event["spans"][1]["outcome"])).collect();
    let expected = [(json!("push"), json!("ok")), (json!("subscribe"), json!("invalid_params"))];
    assert_eq!(outcomes, expected.iter().map(|(rpc, outcome)| (rpc, outcome)).collect::<Vec<_>>());
}

#[tokio::test]
async fn lines_of_a_background_job_are_in_a_span_with_its_name() {
    let lines = Lines::default();
    let _guard = lines.collect(tracing::Level::INFO);
    let clock = ManualClock::new();
    let tasks = Tasks::new(Arc::new(clock.clone()));
    let (ran, mut runs) = tokio::sync::mpsc::channel(1);
    tasks.spawn_periodic("a job", std::time::Duration::from_mins(1), move || {
        let ran = ran.clone();
        async move {
            tracing::info!("work done");
            ran.send(()).await.unwrap();
        }
    });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(std::time::Duration::from_mins(1));
    within("a run", runs.recv()).await.unwrap();
    let spans = lines.event("work done").unwrap()["spans"].clone();
    assert_eq!(
        (&spans[0]["name"], &spans[0]["job"], spans.as_array().unwrap().len()),
        (&json!("job"), &json!("a job"), 1)
    );
    tasks.stop();
    within("the end of all tasks", tasks.join()).await;
}

/// operations §9.1: a look at identities leaves a line, which does not name them.
#[tokio::test]
async fn revealed_identities_are_logged_without_their_names() {
    let lines = Lines::default();
    let _guard = lines.collect(tracing::Level::INFO);
    let server = operator::server().await;
    let mut alice = server.raw("alice").await;
    alice.assert_alive().await;
    operator::get(&server, "/admin/connections").await;
    assert_eq!(lines.event("identities revealed to the operator"), None);
    operator::get(&server, "/admin/connections?reveal=true").await;
    let line = lines.event("identities revealed to the operator").unwrap();
    assert_eq!((&line["level"], &line["route"]), (&json!("WARN"), &json!("/admin/connections")));
    assert!(!lines.events().iter().any(|line| line.to_string().contains("alice")));
}
