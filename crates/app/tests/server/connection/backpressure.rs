//! Memory of messages from clients: bounded per connection, per user and for the process (protocol §1.10).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use less_sync_test_support::{Frame, Opcode, RawClient, TestServer, bytes, create, encode};
use serde_json::json;

const MIB: usize = 1024 * 1024;

/// A pull of nothing in a message of `size` bytes: members that are unknown are ignored.
fn padded_pull(size: usize) -> Vec<u8> {
    let params = json!({ "spaces": [], "padding": bytes(vec![0; size]) });
    let request = json!({ "type": 0, "id": "padded", "method": "pull", "params": params });
    Frame::new(Opcode::BINARY, encode(&request)).to_bytes()
}

/// A connection that does not read what it pulls, so that no later pull of it begins.
async fn unread_pull(server: &TestServer, user: &str) -> RawClient {
    let space = server.space(user);
    let mut client = server.raw(user).await;
    for index in 0..24 {
        client.push_ok(&space, &[create(index, vec![7; MIB])]).await;
    }
    client.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    client
}

/// Waits until `count` has not changed for many round trips of another client.
async fn settled(count: &AtomicUsize, bystander: &mut RawClient) -> usize {
    let (mut last, mut rounds) = (count.load(Ordering::Relaxed), 0);
    while rounds < 300 {
        bystander.assert_alive().await;
        let now = count.load(Ordering::Relaxed);
        rounds = if now == last { rounds + 1 } else { 0 };
        last = now;
    }
    last
}

/// A backlog of 64 requests holds one largest message and one mebibyte, not 64 largest messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backlog_of_a_connection_is_bounded_in_bytes() {
    const PULLS: usize = 40;
    let server = TestServer::start().await;
    let mut bystander = server.raw("bob").await;
    let mut slow = unread_pull(&server, "alice").await;
    let frame = padded_pull(7 * MIB);
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = accepted.clone();
    let mut sending = tokio::task::JoinSet::new();
    sending.spawn(async move {
        for _ in 0..PULLS {
            for piece in frame.chunks(64 * 1024) {
                slow.send_raw(piece).await;
                counter.fetch_add(piece.len(), Ordering::Relaxed);
            }
        }
        slow
    });
    let held = settled(&accepted, &mut bystander).await;
    // Two messages may have been read, and the buffers of the sockets hold some more.
    assert!(held < 40 * MIB, "{held} bytes were taken of a connection that does not read");
    sending.abort_all();
    bystander.assert_alive().await;
}

/// A used-up budget delays large messages of others and none of the small ones; no one is stuck for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_wait_for_memory_and_small_ones_pass() {
    let server = TestServer::with_limits(|limits| limits.inbound_memory = 16 * MIB).await;
    let mut hogs = Vec::new();
    for user in ["mallory", "mallet", "eve"] {
        let mut hog = server.raw(user).await;
        // Begun and never completed: the memory is reserved by the header of the frame.
        hog.send_raw(&padded_pull(7 * MIB)[..200 * 1024]).await;
        hogs.push(hog);
    }
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    for index in 0..20 {
        alice.push_ok(&space, &[create(index, "small")]).await;
    }
    let mut writer = server.raw("alice").await;
    let changes = [create(100, vec![1; 5 * MIB])];
    let mut large = std::pin::pin!(writer.push_ok(&space, &changes));
    let mut rounds = 0;
    let cursor = loop {
        tokio::select! {
            cursor = &mut large => break cursor,
            () = alice.assert_alive() => rounds += 1,
        }
        if rounds == 50 {
            hogs.clear();
        }
    };
    assert_eq!(cursor, 21);
}
