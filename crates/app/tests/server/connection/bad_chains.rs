//! Chains that do not verify: the end of the connection that sends them, and fairness meanwhile (auth S-07, protocol §1.10).

use less_sync_core::SpaceId;
use less_sync_test_support::{Member, RawClient, Received, TestServer, random_space};
use serde_json::{Value, json};

/// Failures that close no connection: the chains of one request.
const TOLERATED: usize = 1000;

/// A `pull` of unknown spaces by chains of `member` whose signatures are those of another one.
fn pull(member: &Member, spaces: usize) -> Value {
    let other = Member::random();
    let ucan = member.ucan(SpaceId::from_bytes([1; 16])).sign_as(&other);
    let entry = || json!({ "id": random_space().to_string(), "since": 0, "ucan": ucan });
    json!({ "spaces": std::iter::repeat_with(entry).take(spaces).collect::<Vec<_>>() })
}

async fn mallory(server: &TestServer, member: &Member) -> RawClient {
    server.raw_as("mallory", member).await
}

/// The time stands still, so that all failures are in one window.
#[tokio::test]
async fn more_than_a_thousand_bad_chains_close_the_connection() {
    let server = TestServer::with_manual_clock().await;
    let member = Member::random();
    let mut client = mallory(&server, &member).await;
    let response = client.call("pull", &pull(&member, TOLERATED)).await;
    assert_eq!(response["result"]["_chunks"], 0, "{response}");
    client.assert_alive().await;
    client.request("pull", &pull(&member, 2)).await;
    assert_eq!(client.receive_close().await, (4007, "rate limited".to_owned()));
    // A new connection has a new count.
    mallory(&server, &member).await.assert_alive().await;
}

/// Server and clients are tasks of one thread, so the order of frames shows who had to wait for whom.
#[tokio::test]
async fn requests_of_others_are_answered_while_bad_chains_are_verified() {
    let server = TestServer::with_manual_clock().await;
    let (member, mut alice) = (Member::random(), server.raw("alice").await);
    let mut client = mallory(&server, &member).await;
    client.assert_alive().await;
    for _ in 0..2 {
        client.request("pull", &pull(&member, TOLERATED)).await;
    }
    let mut answered = 0;
    // Only the first request is answered before the close.
    let mut frames = std::pin::pin!(async {
        client.receive_rpc().await;
        client.receive().await
    });
    let last = loop {
        tokio::select! {
            biased;
            frame = &mut frames => break frame,
            () = alice.assert_alive() => answered += 1,
        }
    };
    let Received::Frame(close) = last else { panic!("the stream ended without a close frame") };
    assert_eq!(close.close_parts(), (4007, "rate limited".to_owned()));
    assert!(answered > 20, "only {answered} requests were answered meanwhile");
}
