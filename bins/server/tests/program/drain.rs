//! Shutdown by SIGTERM under load (operations §5).
//!
//! `LESS_SYNC_DRAINED` is the number of idle connections.

use std::collections::BTreeSet;

use less_sync_test_support::crashes::ServerProcess;
use less_sync_test_support::{Opcode, RawClient, Received, create, decode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

const SERVER: &str = env!("CARGO_BIN_EXE_less-sync-server");

/// Idle connections per user.
const PER_USER: usize = 500;

/// Connections that push all the time.
const WRITERS: u64 = 4;

type Close = (u16, String);

fn shutdown() -> Close {
    (1001, "server shutting down".to_owned())
}

fn idle_connections() -> usize {
    #[expect(clippy::disallowed_methods, reason = "test configuration from the environment")]
    let number = std::env::var("LESS_SYNC_DRAINED").ok().and_then(|number| number.parse().ok());
    number.unwrap_or(100)
}

/// O1, X-28: subscribers and writers, among them pushes in progress.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drain_closes_every_connection_with_1001_and_loses_no_acknowledged_push() {
    let mut server = ServerProcess::start(SERVER, None).await;
    let mut idle = JoinSet::new();
    for number in 0..idle_connections() {
        let (mut client, space) = server.connect(&format!("idle-{}", number / PER_USER)).await;
        client.subscribe(&space).await;
        idle.spawn(async move { until_closed(&mut client).await });
    }
    let acknowledged = watch::Sender::new(0);
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let (client, space) = server.connect("writer").await;
        writers.spawn(push_until_closed(client, space, u128::from(number) << 32, acknowledged.clone()));
    }
    acknowledged.subscribe().wait_for(|pushes| *pushes >= 100).await.unwrap();

    let process = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let closes = idle.join_all().await;
    assert!(closes.iter().all(|close| *close == shutdown()), "{closes:?}");
    let mut kept = BTreeSet::new();
    for (pushed, close) in writers.join_all().await {
        assert_eq!(close, shutdown());
        kept.extend(pushed);
    }
    assert_eq!(server.exit_code().await, Some(0), "{}", server.log());
    report(&server.log());

    server.restart().await;
    let (mut client, space) = server.connect("writer").await;
    let pulled = client.pull(&space, 0).await;
    let stored: BTreeSet<_> =
        pulled.iter().filter_map(|(_, chunk)| chunk["id"].as_str().map(str::to_owned)).collect();
    let lost: Vec<_> = kept.difference(&stored).collect();
    assert!(kept.len() >= 100 && lost.is_empty(), "{} acknowledged, lost: {lost:?}", kept.len());
}

/// Prints the duration of the shutdown, for runs by hand.
#[expect(clippy::print_stdout, reason = "output of a test")]
fn report(log: &str) {
    for line in log.lines().filter(|line| line.contains("shutdown complete")) {
        println!("{line}");
    }
}

/// Close frame of the server.
async fn until_closed(client: &mut RawClient) -> Close {
    loop {
        match client.receive_patiently().await {
            Received::Frame(frame) if frame.opcode == Opcode::CLOSE => return frame.close_parts(),
            Received::Frame(_) => {}
            Received::End => panic!("the stream ended without a close frame"),
        }
    }
}

/// Pushes one new record after the other; the ids of those that were acknowledged, and how the server closed.
async fn push_until_closed(
    mut client: RawClient,
    space: String,
    first: u128,
    acknowledged: watch::Sender<u64>,
) -> (Vec<String>, Close) {
    let mut pushed = Vec::new();
    for number in first.. {
        let change = create(number, "a record");
        let id = change["id"].as_str().unwrap().to_owned();
        let request = client.request("push", &json!({ "space": space, "changes": [change] })).await;
        loop {
            match client.receive_patiently().await {
                Received::Frame(frame) if frame.opcode == Opcode::CLOSE => {
                    return (pushed, frame.close_parts());
                }
                Received::Frame(frame) if frame.opcode == Opcode::BINARY => {
                    let Ok(response) = decode(&frame.payload) else { continue };
                    if response["id"] != request.as_str() {
                        continue;
                    }
                    if response["result"]["ok"] == true {
                        pushed.push(id);
                        acknowledged.send_modify(|pushes| *pushes += 1);
                    }
                    break;
                }
                Received::Frame(_) => {}
                Received::End => panic!("the stream ended without a close frame"),
            }
        }
    }
    unreachable!("numbers do not end")
}
