//! Live events: recipients, order, completeness (protocol §2.6, §2.7, §5).

use futures_util::future::join_all;
use less_sync_test_support::{RawClient, TestServer, bytes, create, delete, record_id, update};
use serde_json::{Value, json};

/// P-185, P-046, P-224, P-260, G5: the whole notification, in both generations' names.
#[tokio::test]
async fn a_push_reaches_every_other_subscriber_and_not_its_sender() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut writer, mut one, mut two] =
        [server.raw("alice").await, server.raw("alice").await, server.raw("alice").await];
    for client in [&mut writer, &mut one, &mut two] {
        client.subscribe(&space).await;
    }
    let dek = bytes([&[0, 0, 0, 1][..], &[9; 40]].concat());
    let mut with_dek = create(1, "cipher");
    with_dek["wrapped_dek"] = dek.clone();
    writer.push_ok(&space, &[with_dek, create(2, "")]).await;
    writer.push_ok(&space, &[delete(1, 1)]).await;
    let record = |index, rest: Value| {
        let mut record = json!({ "id": record_id(index) });
        record.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        record
    };
    for watcher in [&mut one, &mut two] {
        let records = json!([
            record(1, json!({ "blob": bytes("cipher"), "cursor": 1, "dek": dek, "wrapped_dek": dek })),
            record(2, json!({ "blob": bytes(""), "cursor": 1 })),
        ]);
        let state = json!({ "space": space, "prev": 0, "cursor": 1, "key_generation": 1, "epoch": 1 });
        assert_eq!(watcher.receive_notification("sync").await, with(state, "records", records));
        let records = json!([record(1, json!({ "cursor": 2, "deleted": true }))]);
        let state = json!({ "space": space, "prev": 1, "cursor": 2, "key_generation": 1, "epoch": 1 });
        assert_eq!(watcher.receive_notification("sync").await, with(state, "records", records));
    }
    writer.assert_quiet().await;
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

/// P-225: a connection receives events of its subscribed spaces only.
#[tokio::test]
async fn events_reach_the_subscribers_of_their_space_only() {
    let server = TestServer::start().await;
    let mut bob = server.raw("bob").await;
    bob.subscribe(&server.space("bob")).await;
    let mut idle = server.raw("alice").await;
    idle.assert_alive().await;
    server.raw("alice").await.push_ok(&server.space("alice"), &[create(1, "x")]).await;
    bob.assert_quiet().await;
    idle.assert_quiet().await;
}

/// A rejected push sends no notification.
#[tokio::test]
async fn a_rejected_push_sends_no_event() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut writer, mut watcher] = [server.raw("alice").await, server.raw("alice").await];
    watcher.subscribe(&space).await;
    writer.push(&space, &[update(1, "x", 7)]).await;
    watcher.assert_quiet().await;
}

/// Follows one space and checks that no event is missing, repeated or out of order.
struct Follower {
    client: RawClient,
    cursor: i64,
}

impl Follower {
    async fn start(server: &TestServer, space: &str) -> Self {
        let mut client = server.raw("alice").await;
        let cursor = client.subscribe(space).await["cursor"].as_i64().unwrap();
        Self { client, cursor }
    }

    async fn follow_to(&mut self, last: i64) {
        while self.cursor < last {
            let event = self.client.receive_notification("sync").await;
            assert_eq!(event["prev"], self.cursor, "after {}: {event}", self.cursor);
            self.cursor = event["cursor"].as_i64().unwrap();
            assert_eq!(event["prev"], self.cursor - 1, "{event}");
        }
    }
}

/// X-11, G3: pushes that race are announced in the order of their cursors, each once.
#[tokio::test]
async fn racing_pushes_are_announced_in_order() {
    const WRITERS: u128 = 16;
    const PUSHES: u128 = 40;
    let server = TestServer::with_limits(|limits| limits.max_connections_per_mailbox = 30).await;
    let space = server.space("alice");
    let mut followers = Vec::new();
    for _ in 0..4 {
        followers.push(Follower::start(&server, &space).await);
    }
    let writer = async |writer: u128| {
        let mut client = server.raw("alice").await;
        for push in 0..PUSHES {
            client.push_ok(&space, &[create(writer * PUSHES + push, "x")]).await;
        }
    };
    let last = i64::try_from(WRITERS * PUSHES).unwrap();
    let reading = join_all(followers.iter_mut().map(|follower| follower.follow_to(last)));
    tokio::join!(join_all((0..WRITERS).map(writer)), reading);
    for follower in &mut followers {
        follower.client.assert_quiet().await;
    }
}

/// X-11, G2: a subscription during many pushes misses no event after the cursor of its response.
#[tokio::test]
async fn a_subscription_during_many_pushes_misses_nothing() {
    const PUSHES: i64 = 300;
    let server = TestServer::with_limits(|limits| limits.max_connections_per_actor = 100).await;
    let space = server.space("alice");
    let storm = async {
        let mut client = server.raw("alice").await;
        for push in 1..=PUSHES {
            client.push_ok(&space, &[create(u128::try_from(push).unwrap(), "x")]).await;
        }
    };
    let latecomers = async {
        loop {
            let mut follower = Follower::start(&server, &space).await;
            let started_at = follower.cursor;
            follower.follow_to(PUSHES.min(started_at + 20)).await;
            if follower.cursor == PUSHES {
                break;
            }
        }
    };
    tokio::join!(storm, latecomers);
}

/// G5 under concurrency: two connections that write and watch see exactly the other's pushes.
#[tokio::test]
async fn writers_receive_events_of_each_other_and_not_their_own() {
    const PUSHES: u128 = 50;
    let server = TestServer::start().await;
    let space = server.space("alice");
    let run = async |first: u128, foreign: u128| {
        let mut client = server.raw("alice").await;
        client.subscribe(&space).await;
        let mut heard = 0;
        for push in 0..PUSHES {
            let params = json!({ "space": space, "changes": [create(first + push, "x")] });
            let id = client.request("push", &params).await;
            loop {
                let frame = client.receive_rpc().await;
                if frame["id"] == id.as_str() {
                    break;
                }
                let record = frame["params"]["records"][0]["id"].as_str().unwrap().to_owned();
                assert!(
                    (foreign..foreign + PUSHES).any(|index| record_id(index) == record),
                    "an echo: {frame}"
                );
                heard += 1;
            }
        }
        (client, heard)
    };
    let ((mut one, heard_by_one), (mut other, heard_by_other)) = tokio::join!(run(0, 1000), run(1000, 0));
    // Events still in transit. Either client may have subscribed after the other's first pushes.
    let cursor_of_one = one.subscribe(&space).await["cursor"].clone();
    let cursor_of_other = other.subscribe(&space).await["cursor"].clone();
    assert_eq!((cursor_of_one, cursor_of_other), (json!(100), json!(100)));
    assert!(heard_by_one <= PUSHES && heard_by_other <= PUSHES);
}
