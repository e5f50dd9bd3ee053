//! Three servers on one database and one NATS server, of which any is killed at any moment: no acknowledged push is lost, and
//! watchers on all servers get every push, in order (decision 0033).
//!
//! `LESS_SYNC_KILLS` says how often; `just node-crashes` runs it at length.

use less_sync_history::Verdict;
use less_sync_test_support::crashes::{Crashes, Nodes};
use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};
use less_sync_test_support::{NatsServer, within};

use super::kills;

const SERVER: &str = env!("CARGO_BIN_EXE_less-sync-server");
const NODES: usize = 3;

fn crashes() -> Crashes {
    Crashes { kills: kills(6), users: 2, devices: 3 }
}

/// Nodes on `database` with these further settings.
async fn start(database: &TestDatabase, bus: &[(&str, &str)]) -> Nodes {
    let common = [("DATABASE_URL", database.url()), ("DATABASE_MAX_CONNECTIONS", "6")];
    Nodes::start(SERVER, NODES, &[&common, bus].concat()).await
}

async fn database() -> (PrivateServer, TestDatabase) {
    let server = PrivateServer::start(Durability::Durable);
    let database = TestDatabase::migrated_on(&server).await;
    (server, database)
}

/// Waits until every node knows all others, over a transport that works.
async fn until_all_are_known(nodes: &Nodes) {
    let known = async {
        for node in 0..nodes.count() {
            loop {
                let report = nodes.report(node).await;
                if report["others"] == NODES - 1 && report["status"] == "ok" {
                    break;
                }
            }
        }
    };
    within("the nodes to know each other", known).await;
}

/// A run in which nothing was at stake proves nothing.
fn assert_telling(verdict: &Verdict) {
    assert!(verdict.acknowledged > 0 && verdict.pulls > 0 && verdict.events > 0, "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_over_postgresql_lose_nothing_when_one_is_killed() {
    let (_server, database) = database().await;
    let mut nodes = start(&database, &[]).await;
    until_all_are_known(&nodes).await;
    let killed = async |nodes: &mut Nodes, number: usize| nodes.kill_and_restart(number % NODES).await;
    let verdict = crashes().run_on_nodes(&mut nodes, killed).await;
    assert_telling(&verdict);
    until_all_are_known(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_over_nats_lose_nothing_when_one_or_nats_is_killed() {
    let (_server, database) = database().await;
    let mut nats = NatsServer::start().await;
    let mut nodes = start(&database, &[("FANOUT_BUS", "nats"), ("NATS_URL", &nats.url())]).await;
    until_all_are_known(&nodes).await;
    let killed = async |nodes: &mut Nodes, number: usize| {
        // In turn a node, the server between them, and a server that is silent while a node is killed.
        match number % 3 {
            0 => nodes.kill_and_restart(number / 3 % NODES).await,
            1 => {
                nats.kill();
                nats.restart().await;
            }
            _ => {
                nats.freeze();
                nodes.kill_and_restart(number / 3 % NODES).await;
                nats.thaw();
            }
        }
    };
    let verdict = crashes().run_on_nodes(&mut nodes, killed).await;
    assert_telling(&verdict);
    until_all_are_known(&nodes).await;
}

/// An upgrade: each node in turn, under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restart_loses_nothing() {
    let (_server, database) = database().await;
    let mut nodes = start(&database, &[]).await;
    until_all_are_known(&nodes).await;
    let run = Crashes { kills: 3, ..crashes() };
    let restarted = async |nodes: &mut Nodes, number: usize| nodes.stop_and_restart(number % NODES).await;
    let verdict = run.run_on_nodes(&mut nodes, restarted).await;
    assert_telling(&verdict);
    until_all_are_known(&nodes).await;
}
