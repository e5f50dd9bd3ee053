//! A proxy that pools transactions between the adapter and the database.

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::Cursor;
use less_sync_storage::{
    HomeHints as _, HomeRoutes as _, Invitations as _, Pushed, RateLimits as _, Spaces as _,
};
use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
use less_sync_test_support::postgres::{Pooler, TestDatabase};
use tokio::task::JoinSet;

use crate::harness::{begin_pull, is_committed, live, options, pull, push, space};

const NONE: Cursor = Cursor::ZERO;

async fn open(pooler: &Pooler, options: PostgresOptions) -> Arc<PostgresStorage> {
    let options = PostgresOptions { url: pooler.url().parse().unwrap(), ..options };
    let storage = PostgresStorage::open(options).await.unwrap();
    for number in 1..=9 {
        storage.personal_space(space(number), &"client".parse().unwrap(), None).await.unwrap();
    }
    Arc::new(storage)
}

/// Operations of every kind at once, many more than there are connections to the database: all of them succeed.
async fn use_all(storage: &Arc<PostgresStorage>) {
    let mut running = JoinSet::new();
    for number in 1..=9 {
        let storage = Arc::clone(storage);
        running.spawn(async move {
            for round in 0..20 {
                let pushed =
                    push(&storage, space(number), vec![live(round, NONE, 10), live(100 + round, NONE, 10)]);
                let (pushed, pulled) = tokio::join!(pushed, pull(&storage, space(number)));
                assert!(is_committed(&pushed), "{pushed:?}");
                pulled.unwrap();
            }
            let oversized =
                push(&storage, space(number), (1000..3_500).map(|id| live(id, NONE, 1)).collect()).await;
            assert!(
                matches!(oversized, Ok(Pushed::Committed { cursor, .. }) if cursor.get() == 21),
                "{oversized:?}"
            );
        });
    }
    running.join_all().await;
}

/// Pushes and pulls of several spaces at once, with records from `first` on; all of them succeed.
async fn use_briefly(storage: &Arc<PostgresStorage>, first: u64) {
    let mut running = JoinSet::new();
    for number in 1..=4 {
        let storage = Arc::clone(storage);
        running.spawn(async move {
            for id in first..first + 5 {
                let change = live(id, NONE, 10);
                let (pushed, pulled) =
                    tokio::join!(push(&storage, space(number), vec![change]), pull(&storage, space(number)));
                assert!(is_committed(&pushed), "{pushed:?}");
                pulled.unwrap();
            }
        });
    }
    running.join_all().await;
}

/// With the defaults of the adapter, and with unnamed statements. The proxy tracks prepared statements from its version
/// 1.21 on, where that is switched on.
#[tokio::test(flavor = "multi_thread")]
async fn all_operations_succeed_behind_a_pooler() {
    for statement_cache in [256, 0] {
        let database = TestDatabase::migrated().await;
        let pooler = Pooler::start(&database, "").await;
        let options = PostgresOptions { statement_cache, ..options(&database) };
        let storage = open(&pooler, options.clone()).await;
        // Another process, whose names of statements are the same.
        let other = PostgresOptions { url: pooler.url().parse().unwrap(), ..options };
        let other = PostgresStorage::open(other).await.unwrap();
        use_all(&storage).await;
        other.ping().await.unwrap();
        other.close().await;
        storage.close().await;
    }
}

/// Two servers that start at once migrate an empty database once.
#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once_behind_a_pooler() {
    let database = TestDatabase::empty().await;
    let pooler = Pooler::start(&database, "default_pool_size = 6").await;
    let migrating = PostgresOptions { run_migrations: true, ..options(&database) };
    let (one, other) = tokio::join!(open(&pooler, migrating.clone()), open(&pooler, migrating));
    use_all(&one).await;
    one.close().await;
    other.close().await;
}

/// A proxy is reloaded to pool transactions instead of sessions, while two processes run whose statements have the same names.
/// Each then finds statements of the other under its names, repeats what did not run, and goes on with unnamed ones.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_clash_after_a_reload_of_the_pooler_fail_no_operation() {
    let database = TestDatabase::migrated().await;
    let pooler = Pooler::start(&database, "pool_mode = session\ndefault_pool_size = 60").await;
    let (one, other) = tokio::join!(open(&pooler, options(&database)), open(&pooler, options(&database)));
    use_briefly(&one, 0).await;
    pooler.set("pool_mode", "transaction").await;
    tokio::join!(use_briefly(&one, 10), use_briefly(&other, 20));
    for number in 1..=4 {
        assert_eq!(begin_pull(&one, space(number)).await.unwrap().cursor.get(), 15, "no push ran twice");
    }
    one.close().await;
    other.close().await;
}

/// The same for a write that is one statement outside of a batch: the session of the first process is led to the backend of the
/// second, which has had more statements.
#[tokio::test(flavor = "multi_thread")]
async fn single_statement_that_clashes_after_a_reload_of_the_pooler_is_repeated() {
    let database = TestDatabase::migrated().await;
    let pooler = Pooler::start(&database, "pool_mode = session\ndefault_pool_size = 60").await;
    let (one, other) = tokio::join!(open(&pooler, options(&database)), open(&pooler, options(&database)));
    one.ping().await.unwrap();
    other.ping().await.unwrap();
    other.purge_invitations(1).await.unwrap();
    other.purge_home_hints(1).await.unwrap();
    other.delete_idle_stubs(Duration::ZERO, 1).await.unwrap();
    pooler.set("pool_mode", "transaction").await;
    // The end of a transaction releases the backend of a session; the last one released is the first to be used again.
    one.ping().await.unwrap();
    other.ping().await.unwrap();
    one.purge_actions(Duration::ZERO, 1).await.unwrap();
    one.close().await;
    other.close().await;
}

/// Start-up parameters that the proxy rejects are set by the session.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_a_pooler_rejects_are_left_out() {
    let database = TestDatabase::migrated().await;
    let pooler = Pooler::start(&database, "").await;
    let url = format!("{}&options=-c%20search_path%3Dpublic", pooler.url());
    let options = PostgresOptions { url: url.parse().unwrap(), ..options(&database) };
    let storage = PostgresStorage::open(options).await.unwrap();
    storage.ping().await.unwrap();
    storage.close().await;
}
