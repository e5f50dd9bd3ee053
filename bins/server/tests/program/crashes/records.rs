//! The server and its database are killed at any moment; nothing acknowledged is lost (storage §5, P1, P5, P9–P12).
//!
//! `LESS_SYNC_KILLS` says how often; `just crashes` runs it at length.

use less_sync_history::Verdict;
use less_sync_test_support::crashes::{Crashes, ServerProcess};
use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};

use super::kills;

const SERVER: &str = env!("CARGO_BIN_EXE_less-sync-server");

fn crashes() -> Crashes {
    Crashes { kills: kills(8), users: 2, devices: 3 }
}

/// A run in which nothing was at stake proves nothing.
fn assert_telling(verdict: &Verdict) {
    assert!(verdict.acknowledged > 0 && verdict.rejected > 0 && verdict.pulls > 0, "{verdict:?}");
    assert!(verdict.events > 0 && verdict.unknown > 0, "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_store_loses_nothing_when_the_server_is_killed() {
    let mut server = ServerProcess::start(SERVER, None).await;
    let verdict = crashes().run(&mut server, async |server| server.kill_and_restart().await).await;
    assert_telling(&verdict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_loses_nothing_when_the_server_is_killed() {
    let postgres = PrivateServer::start(Durability::Durable);
    let database = TestDatabase::migrated_on(&postgres).await;
    let mut server = ServerProcess::start(SERVER, Some(database.url().to_owned())).await;
    let verdict = crashes().run(&mut server, async |server| server.kill_and_restart().await).await;
    assert_telling(&verdict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_loses_nothing_when_it_is_killed_itself() {
    let postgres = PrivateServer::start(Durability::Durable);
    let database = TestDatabase::migrated_on(&postgres).await;
    let mut server = ServerProcess::start(SERVER, Some(database.url().to_owned())).await;
    let verdict = crashes()
        .run(&mut server, async |_| {
            tokio::task::block_in_place(|| {
                postgres.kill();
                postgres.start_again();
            });
        })
        .await;
    assert_telling(&verdict);
}
