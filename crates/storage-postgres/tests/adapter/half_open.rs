//! Connections on which the database has gone silent while new ones work, as after a failover or behind a firewall that
//! forgets connections.

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::Cursor;
use less_sync_storage::{Pushed, Spaces as _};
use less_sync_storage_postgres::{OpenError, PostgresOptions, PostgresStorage};
use less_sync_test_support::postgres::TestDatabase;
use less_sync_test_support::{DEADLINE, Fault, FaultProxy, within};
use tokio::task::JoinSet;

use crate::harness::{
    Harness, await_sessions, cursor, execute, is_committed, is_unavailable, live, options, pull, push, space,
};

const NONE: Cursor = Cursor::ZERO;

struct Proxied {
    harness: Harness,
    proxy: FaultProxy,
}

impl Proxied {
    async fn new() -> Self {
        Self::with(|options| options).await
    }

    async fn with(change: impl FnOnce(PostgresOptions) -> PostgresOptions) -> Self {
        let database = TestDatabase::migrated().await;
        let (proxy, url) = database.behind_proxy().await;
        let options = change(PostgresOptions { url: url.parse().unwrap(), ..options(&database) });
        let storage = Arc::new(PostgresStorage::open(options).await.unwrap());
        for number in 1..=9 {
            storage.personal_space(space(number), &"client".parse().unwrap(), None).await.unwrap();
        }
        Self { harness: Harness { database, storage }, proxy }
    }

    /// Pushes and pulls at once, so that every kind of connection is in use.
    async fn use_all(&self, round: u64) -> Vec<Result<Pushed, less_sync_storage::PushError>> {
        let mut running = JoinSet::new();
        for number in 1..=9 {
            let (puller, pusher) = (Arc::clone(&self.harness.storage), Arc::clone(&self.harness.storage));
            running.spawn(async move {
                let (written, read) = tokio::join!(
                    push(&pusher, space(number), vec![live(round, NONE, 10)]),
                    pull(&puller, space(number)),
                );
                assert!(read.is_ok() || is_unavailable(&read), "{read:?}");
                written
            });
        }
        running.join_all().await
    }
}

/// Every operation ends in time and as what it is; nothing is acknowledged that was not committed, or applied twice.
#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_are_discarded_and_replaced() {
    let proxied = Proxied::new().await;
    let mut acknowledged = 0;
    for round in 0..4 {
        // In use a moment ago, so they are not pinged first.
        assert!(proxied.use_all(10 * round).await.iter().all(is_committed));
        acknowledged += 9;
        proxied.proxy.fault_all(Fault::Swallow);
        let outcomes = within("the end of all operations", proxied.use_all(10 * round + 1)).await;
        assert!(
            outcomes.iter().all(|outcome| is_unavailable(outcome) || is_committed(outcome)),
            "{outcomes:?}"
        );
        acknowledged += outcomes.iter().filter(|outcome| is_committed(outcome)).count();
        within("the connections to be replaced", async {
            while proxied.harness.storage.ping().await.is_err() {}
        })
        .await;
    }
    let ids: Vec<_> = (1..=9).map(space).collect();
    let stored = proxied.harness.storage.spaces(&ids).await.unwrap();
    let stored: u64 = stored.iter().map(|space| space.cursor.get()).sum();
    // Bytes that the network swallowed did not reach the database.
    assert_eq!(stored, acknowledged as u64);
    proxied.harness.end().await;
}

/// The response to a commit is lost: the outcome is unknown to the caller, and the push takes effect once.
#[tokio::test(flavor = "multi_thread")]
async fn push_whose_response_is_lost_is_uncertain_and_takes_effect_once() {
    // A single connection for commits, not pinged before its use however slow the machine is: the second push of a round goes
    // out over the connection of the first, which has become silent meanwhile.
    let trusting =
        |options| PostgresOptions { trusted_idle: Duration::from_hours(1), max_connections: 8, ..options };
    let proxied = Proxied::with(trusting).await;
    for round in 0..3 {
        assert!(is_committed(&proxied.harness.push(space(1), 10 * round, NONE, 10).await));
        proxied.proxy.fault_all_to_client(Fault::Swallow);
        let uncertain = proxied.harness.push(space(1), 10 * round + 1, NONE, 10).await;
        assert!(is_unavailable(&uncertain), "{uncertain:?}");
        let stored = proxied.harness.storage.spaces(&[space(1)]).await;
        // The pool has not been used since, so its connections are as silent.
        let stored = match stored {
            Ok(stored) => stored,
            Err(_) => proxied.harness.storage.spaces(&[space(1)]).await.unwrap(),
        };
        assert_eq!(stored[0].cursor, cursor(2 * round + 2));
    }
    proxied.harness.end().await;
}

/// An oversized push is a transaction of several statements: its lock ends with the silent session.
#[tokio::test(flavor = "multi_thread")]
async fn silent_transaction_loses_its_locks() {
    let proxied = Proxied::new().await;
    let mut intruder = proxied.harness.connect().await;
    execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
    let storage = Arc::clone(&proxied.harness.storage);
    let oversized = (0..3_000).map(|id| live(id, NONE, 1)).collect();
    let oversized = tokio::spawn(async move { push(&storage, space(1), oversized).await });
    // The push has locked its space, and waits for the table.
    await_sessions(&mut intruder, "wait_event_type = 'Lock'", 1).await;
    proxied.proxy.fault_all(Fault::Swallow);
    execute(&mut intruder, "ROLLBACK").await;
    assert!(is_unavailable(&within("the oversized push", oversized).await.unwrap()));
    await_sessions(&mut intruder, "state LIKE 'idle in transaction%'", 0).await;
    let next = within("a push to the same space", async {
        loop {
            let pushed = proxied.harness.push(space(1), 1, NONE, 1).await;
            if !is_unavailable(&pushed) {
                return pushed;
            }
        }
    });
    assert!(matches!(next.await, Ok(Pushed::Committed { cursor: at, .. }) if at == cursor(1)));
    proxied.harness.end().await;
}

/// A statement at which the backend works is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn slow_statement_is_not_taken_for_a_dead_connection() {
    let proxied = Proxied::new().await;
    let mut intruder = proxied.harness.connect().await;
    execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
    let storage = Arc::clone(&proxied.harness.storage);
    let slow = tokio::spawn(async move { push(&storage, space(1), vec![live(1, NONE, 1)]).await });
    within("a look at the backend", async {
        let seen = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'less-sync-watchdog' AND state = 'idle'
                      AND query LIKE '%pg_stat_get_activity%'";
        while {
            execute(&mut intruder, "SELECT pg_stat_clear_snapshot()").await;
            sqlx::query_scalar::<_, i64>(seen).fetch_one(&mut intruder).await.unwrap() == 0
        } {
            tokio::task::yield_now().await;
        }
    })
    .await;
    execute(&mut intruder, "ROLLBACK").await;
    assert!(is_committed(&slow.await.unwrap()));
    proxied.harness.end().await;
}

/// A server that accepts connections and says nothing is given up after the connect timeout.
#[tokio::test(flavor = "multi_thread")]
async fn silent_server_is_given_up_after_the_connect_timeout() {
    let database = TestDatabase::migrated().await;
    let (proxy, url) = database.behind_proxy().await;
    proxy.preset(0, Fault::Swallow);
    let connect_timeout = Duration::from_millis(200);
    let options = PostgresOptions { url: url.parse().unwrap(), connect_timeout, ..options(&database) };
    let opened = within("the end of the attempt", Box::pin(PostgresStorage::open(options))).await;
    assert!(
        matches!(opened, Err(OpenError::ConnectTimeout(after)) if after == connect_timeout),
        "{opened:?}"
    );
}

/// Closing does not wait for connections that give no response.
#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_in_time_on_silent_connections() {
    let proxied = Proxied::new().await;
    assert!(proxied.use_all(1).await.iter().all(is_committed));
    proxied.proxy.fault_all(Fault::Swallow);
    let storage = Arc::clone(&proxied.harness.storage);
    let late = tokio::spawn(async move { push(&storage, space(1), vec![live(2, NONE, 1)]).await });
    tokio::task::yield_now().await;
    tokio::time::timeout(DEADLINE, proxied.harness.storage.close()).await.unwrap();
    assert!(is_unavailable(&late.await.unwrap()));
}
