//! A proxy that pools transactions between the adapter and the database.

use std::sync::Arc;

use less_sync_core::Cursor;
use less_sync_storage::{Pushed, Spaces as _};
use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
use less_sync_test_support::postgres::{Pooler, TestDatabase};
use tokio::task::JoinSet;

use crate::harness::{is_committed, live, options, pull, push, space};

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
