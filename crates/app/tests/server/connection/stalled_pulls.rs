//! Pulls of large records by clients that stop reading (protocol §1.8).

use std::time::Duration;

use less_sync_test_support::{RawClient, Received, TestServer, create, update};
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;

/// Records of the space: more than the buffers of a connection hold.
const RECORDS: u8 = 3;

/// A blob that differs in every record and at every place.
fn blob(fill: u8) -> Vec<u8> {
    (0..4 * MIB + 4321).map(|at| u8::try_from(at % 251).unwrap() ^ fill).collect()
}

/// A space with large records and small ones between them.
async fn filled_space(server: &TestServer, writer: &mut RawClient) -> String {
    let space = server.space("alice");
    for index in 0..RECORDS {
        writer.push_ok(&space, &[create(index.into(), blob(index))]).await;
        writer.push_ok(&space, &[create(u128::from(index) + 100, "small")]).await;
    }
    space
}

/// Pulls and reads nothing until the server has given the rest of a page back.
async fn stalled_pull(server: &TestServer, space: &str) -> RawClient {
    let mut client = server.raw("alice").await;
    client.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    let mut other = server.raw("bob").await;
    while stalls(server) == 0 {
        // The server takes its turns meanwhile, and reaches the point where it waits for the client.
        other.assert_alive().await;
        server.clock().advance(Duration::from_millis(100));
    }
    client
}

fn stalls(server: &TestServer) -> u64 {
    let page = server.metrics().render();
    let line = page.lines().find_map(|line| line.strip_prefix("ws_pull_stalls_total "));
    line.expect("the metric").parse().expect("a number")
}

/// The chunks up to the response.
async fn chunks(client: &mut RawClient) -> Vec<Value> {
    let mut chunks = Vec::new();
    loop {
        let frame = client.receive_rpc().await;
        if frame["type"] == 1 {
            assert_eq!(frame["result"]["_chunks"], chunks.len(), "{frame}");
            return chunks;
        }
        chunks.push(frame);
    }
}

/// Rows and pieces that were put back are read again and arrive unharmed; other pulls of the user go on meanwhile.
#[tokio::test]
async fn stalled_pull_of_large_records_goes_on_where_it_was() {
    let server = TestServer::with_manual_clock().await;
    let mut writer = server.raw("alice").await;
    let space = filled_space(&server, &mut writer).await;
    let mut stalled = stalled_pull(&server, &space).await;
    let mut expected = writer.pull(&space, 0).await;
    assert_eq!(expected.len(), 2 * usize::from(RECORDS) + 2);
    let received = chunks(&mut stalled).await;
    let received: Vec<_> =
        received.iter().map(|chunk| (chunk["name"].as_str().unwrap_or_default(), &chunk["data"])).collect();
    let expected: Vec<_> = expected.iter_mut().map(|(name, data)| (name.as_str(), &*data)).collect();
    assert!(received == expected, "the stream differs");
    stalled.assert_alive().await;
}

/// A user's third pull of large records at the same time waits for none of the others, and holds no record whole.
#[tokio::test]
async fn pulls_beyond_those_that_hold_a_record_read_it_in_pieces() {
    let server = TestServer::with_manual_clock().await;
    let mut writer = server.raw("alice").await;
    let space = filled_space(&server, &mut writer).await;
    let mut pulls = Vec::new();
    for _ in 0..4 {
        let mut client = server.raw("alice").await;
        client.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
        // The pull begins before the next one.
        assert_eq!(client.receive_rpc().await["name"], "pull.begin");
        pulls.push(client);
    }
    let expected = writer.pull(&space, 0).await;
    while let Some(mut client) = pulls.pop() {
        let mut received = 1;
        loop {
            let frame = client.receive_rpc().await;
            if frame["type"] == 1 {
                break assert_eq!(frame["result"]["_chunks"], received, "{frame}");
            }
            assert!(frame["data"] == expected[received].1, "chunk {received} differs");
            received += 1;
        }
    }
}

/// A record that was rewritten while it was half sent cannot be completed: the client is told, and pulls again.
#[tokio::test]
async fn stalled_pull_of_a_rewritten_record_is_closed_as_a_slow_consumer() {
    let server = TestServer::with_manual_clock().await;
    let mut writer = server.raw("alice").await;
    let space = filled_space(&server, &mut writer).await;
    let mut stalled = stalled_pull(&server, &space).await;
    for index in 0..RECORDS {
        let seen = 2 * i64::from(index) + 1;
        writer.push_ok(&space, &[update(index.into(), "rewritten", seen)]).await;
    }
    assert_eq!(stalled.receive_close().await, (4006, "slow consumer".to_owned()));
    let mut back = server.raw("alice").await;
    assert_eq!(back.pull(&space, 0).await.len(), 2 * usize::from(RECORDS) + 2);
}

/// A large record is a message of several frames, with control frames between them and no other message.
#[tokio::test]
async fn large_record_is_sent_in_several_frames() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut client = server.raw("alice").await;
    client.push_ok(&space, &[create(1, blob(1)), create(2, vec![7; MIB / 2])]).await;
    client.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    let mut lengths = Vec::new();
    loop {
        let Received::Frame(frame) = client.receive().await else { panic!("the stream ended") };
        assert!(frame.payload.len() <= MIB / 2 + 1024, "{} bytes in a frame", frame.payload.len());
        match lengths.last_mut() {
            Some((frames, false)) => *frames += 1,
            _ => lengths.push((1, false)),
        }
        lengths.last_mut().expect("a message").1 = frame.fin;
        // pull.begin, both records, pull.commit, response
        if lengths.len() == 5 && frame.fin {
            break;
        }
    }
    let frames: Vec<usize> = lengths.iter().map(|(frames, _)| *frames).collect();
    assert_eq!(frames[0], 1);
    assert!(frames[1] > 30 && frames[2] == 1, "{frames:?}");
}
