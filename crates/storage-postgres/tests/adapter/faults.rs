//! Faults below the adapter: servers that stop, sessions that are cut, locks that are never released. None of them
//! panics, nothing is acknowledged that was not committed, and the adapter recovers from transient ones.

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{Cursor, ErrorChain, SpaceId};
use less_sync_storage::{
    ActorHash, Pushed, RateAction, RateLimit, RateLimits as _, Spaces as _, StorageError,
};
use less_sync_storage_postgres::{OpenError, PostgresOptions, PostgresStorage};
use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};
use less_sync_test_support::within;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::task::JoinSet;

use crate::harness::{
    Harness, await_sessions, cursor, execute, is_committed, is_unavailable, live, options, pull, push, space,
};

const NONE: Cursor = Cursor::ZERO;

const CUT_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'less-sync'";

/// Pushes again and again to one space, and returns how many were acknowledged, until the store is unavailable.
async fn push_until_it_fails(storage: Arc<PostgresStorage>, space: SpaceId) -> (SpaceId, u64) {
    let mut acknowledged = 0;
    loop {
        match push(
            &storage,
            space,
            vec![live(acknowledged, NONE, 100), live(1 << 40 | acknowledged, NONE, 100)],
        )
        .await
        {
            Ok(Pushed::Committed { cursor, .. }) => {
                acknowledged += 1;
                assert_eq!(cursor.get(), acknowledged);
            }
            Err(StorageError::Unavailable(_)) => return (space, acknowledged),
            other => panic!("{other:?}"),
        }
    }
}

/// R26: the server is killed while batches are committed. Every acknowledged push is there afterwards, none is there by
/// half, and the adapter finds the server again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_push_survives_a_killed_server() {
    let server = tokio::task::spawn_blocking(|| PrivateServer::start(Durability::Durable)).await.unwrap();
    let harness = Harness::on(&server).await;
    let server = Arc::new(server);
    let mut writers = JoinSet::new();
    for number in 1..=8 {
        writers.spawn(push_until_it_fails(Arc::clone(&harness.storage), space(number)));
    }
    // Well under way.
    within("a few pushes", async {
        while harness.storage.spaces(&[space(1)]).await.unwrap()[0].cursor < cursor(20) {}
    })
    .await;
    let to_kill = Arc::clone(&server);
    tokio::task::spawn_blocking(move || to_kill.kill()).await.unwrap();
    let acknowledged = within("the end of the writers", writers.join_all()).await;
    assert!(is_unavailable(&harness.storage.ping().await));
    assert!(is_unavailable(&pull(&harness.storage, space(1)).await));
    let to_start = Arc::clone(&server);
    tokio::task::spawn_blocking(move || to_start.start_again()).await.unwrap();
    for (id, acknowledged) in acknowledged {
        let stored = harness.storage.spaces(&[id]).await.unwrap()[0].cursor;
        // The last one may have been committed without anybody hearing of it.
        assert!(
            (acknowledged..=acknowledged + 1).contains(&stored.get()),
            "{acknowledged} told, {stored} stored"
        );
        assert_eq!(pushed_twice(&harness, id).await, 2 * stored.get());
        let next = push(&harness.storage, id, vec![live(1 << 50, NONE, 1)]).await;
        assert!(is_committed(&next), "{next:?}");
    }
    harness.end().await;
}

/// Number of records of a space.
async fn pushed_twice(harness: &Harness, space: SpaceId) -> u64 {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM records WHERE space_id = $1")
        .bind(space.as_uuid())
        .fetch_one(&mut harness.connect().await)
        .await
        .unwrap();
    count.unsigned_abs()
}

/// R23: a session is cut in the middle of a push: unavailable, no partial effect, and the next push goes through.
#[tokio::test(flavor = "multi_thread")]
async fn session_that_is_cut_within_a_push_leaves_nothing_behind() {
    let harness = Harness::new(|options| options).await;
    let mut intruder = harness.connect().await;
    for round in 0..20 {
        // The push has locked its space, and is within.
        execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
        let mut pushes = JoinSet::new();
        for number in 1..=3 {
            let storage = Arc::clone(&harness.storage);
            pushes.spawn(async move { push(&storage, space(number), vec![live(round, NONE, 10)]).await });
            if number == 1 {
                // Otherwise all three may be one batch, of one session.
                await_sessions(&mut intruder, "wait_event_type = 'Lock'", 1).await;
            }
        }
        await_sessions(&mut intruder, "wait_event_type = 'Lock'", 2).await;
        execute(&mut intruder, CUT_ALL).await;
        execute(&mut intruder, "ROLLBACK").await;
        let results = pushes.join_all().await;
        assert!(results.iter().any(is_unavailable), "{results:?}");
        assert!(results.iter().all(|result| is_unavailable(result) || is_committed(result)), "{results:?}");
        for number in 1..=3 {
            let again = || push(&harness.storage, space(number), vec![live(1 << 32 | round, NONE, 10)]);
            let mut result = again().await;
            // A session that was idle when it was cut is trusted for a second: the push that finds out is unavailable.
            for _ in 0..3 {
                if is_unavailable(&result) {
                    result = again().await;
                }
            }
            assert!(is_committed(&result), "{result:?}");
        }
    }
    harness.end().await;
}

/// R23: a page of a pull whose session is cut is read again.
#[tokio::test(flavor = "multi_thread")]
async fn page_whose_session_is_cut_is_read_again() {
    let harness = Harness::new(|options| options).await;
    assert!(is_committed(&harness.push(space(1), 1, NONE, 10).await));
    let mut intruder = harness.connect().await;
    for _ in 0..20 {
        execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
        let storage = Arc::clone(&harness.storage);
        let reader = tokio::spawn(async move { pull(&storage, space(1)).await });
        await_sessions(&mut intruder, "wait_event_type = 'Lock'", 1).await;
        execute(&mut intruder, CUT_ALL).await;
        execute(&mut intruder, "ROLLBACK").await;
        assert_eq!(reader.await.unwrap().unwrap().rows.len(), 1);
    }
    harness.end().await;
}

/// Sessions that were ended while they were idle cost no read and no transaction.
#[tokio::test(flavor = "multi_thread")]
async fn operations_on_ended_sessions_begin_again() {
    let harness = Harness::new(|options| options).await;
    assert!(is_committed(&harness.push(space(1), 1, NONE, 10).await));
    let mut intruder = harness.connect().await;
    let actor = ActorHash::from_bytes([1; 32]);
    let limit = RateLimit { actions: 1_000, window: Duration::from_hours(1) };
    for _ in 0..20 {
        assert_eq!(pull(&harness.storage, space(1)).await.unwrap().rows.len(), 1);
        execute(&mut intruder, CUT_ALL).await;
        assert_eq!(pull(&harness.storage, space(1)).await.unwrap().rows.len(), 1);
        execute(&mut intruder, CUT_ALL).await;
        harness.storage.spaces(&[space(1)]).await.unwrap();
        execute(&mut intruder, CUT_ALL).await;
        harness.storage.ping().await.unwrap();
        execute(&mut intruder, CUT_ALL).await;
        drop(harness.storage.acquire(RateAction::Invitation, actor, limit).await.unwrap());
    }
    harness.end().await;
}

/// A lock that is never released costs pushes to its space their timeout, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn lock_that_is_not_given_back_is_unavailable_and_passes() {
    let short = Duration::from_millis(100);
    let harness = Harness::new(|options| PostgresOptions { lock_timeout: short, ..options }).await;
    let mut intruder = harness.connect().await;
    execute(
        &mut intruder,
        "BEGIN; SELECT 1 FROM spaces WHERE id = '01010101-0101-0101-0101-010101010101' FOR UPDATE",
    )
    .await;
    let (locked, free) = tokio::join!(harness.push(space(1), 1, NONE, 1), harness.push(space(2), 1, NONE, 1));
    assert!(is_unavailable(&locked) && is_committed(&free), "{locked:?} {free:?}");
    execute(&mut intruder, "ROLLBACK").await;
    assert!(is_committed(&harness.push(space(1), 1, NONE, 1).await));
    harness.end().await;
}

/// Statements that take too long are ended by the server.
#[tokio::test(flavor = "multi_thread")]
async fn statement_that_takes_too_long_is_unavailable() {
    let harness = Harness::new(|options| PostgresOptions {
        statement_timeout: Duration::from_millis(500),
        lock_timeout: Duration::ZERO,
        ..options
    })
    .await;
    let mut intruder = harness.connect().await;
    execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
    let (pushed, pulled) = tokio::join!(harness.push(space(1), 1, NONE, 1), pull(&harness.storage, space(1)));
    assert!(is_unavailable(&pushed) && is_unavailable(&pulled));
    // The message of PostgreSQL, without the line of its source.
    let shown = [ErrorChain(&pushed.unwrap_err()).to_string(), ErrorChain(&pulled.unwrap_err()).to_string()];
    let is_clean = |text: &String| text.contains("statement timeout") && !text.contains(" at line ");
    assert!(shown.iter().all(is_clean), "{shown:?}");
    execute(&mut intruder, "ROLLBACK").await;
    // On a busy machine a statement may take longer than the timeout.
    let recovered = async { while !is_committed(&harness.push(space(1), 1, NONE, 1).await) {} };
    within("a push that is committed", recovered).await;
    harness.end().await;
}

/// A database that may only be read, as a standby is: reads go on, pushes are unavailable until it is writable, and so
/// is the health check, with the reason.
#[tokio::test]
async fn read_only_database_is_unavailable_to_pushes_and_recovers() {
    let harness = Harness::new(|options| options).await;
    assert!(is_committed(&harness.push(space(1), 1, NONE, 1).await));
    let mut admin = harness.connect().await;
    let name = harness.database.name();
    set(&mut admin, format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    execute(&mut admin, CUT_ALL).await;
    await_sessions(&mut admin, "true", 0).await;
    // The first one of each kind may meet a session that was cut.
    drop((harness.push(space(1), 2, NONE, 1).await, pull(&harness.storage, space(1)).await));
    assert!(is_unavailable(&harness.push(space(1), 3, NONE, 1).await));
    assert_eq!(pull(&harness.storage, space(1)).await.unwrap().rows.len(), 1);
    let pinged = harness.storage.ping().await;
    assert!(is_unavailable(&pinged));
    let shown = ErrorChain(&pinged.unwrap_err()).to_string();
    assert!(
        shown.ends_with("database is read-only: a standby, or default_transaction_read_only is on"),
        "{shown}"
    );
    set(&mut admin, format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    // Sessions that may still be read-only are not kept.
    harness.storage.ping().await.unwrap();
    assert!(is_committed(&harness.push(space(1), 4, NONE, 1).await));
    harness.end().await;
}

async fn set(db: &mut sqlx::PgConnection, sql: String) {
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(db).await.unwrap();
}

/// R26: a push that violates a constraint does not affect the other pushes of its batch.
#[tokio::test(flavor = "multi_thread")]
async fn push_that_the_database_rejects_fails_alone() {
    let harness = Harness::new(|options| options).await;
    let mut admin = harness.connect().await;
    execute(&mut admin, "ALTER TABLE records ADD CONSTRAINT no_666 CHECK (octet_length(blob) <> 666)").await;
    for round in 0..50 {
        let mut pushes = JoinSet::new();
        for number in 1..=9 {
            let storage = Arc::clone(&harness.storage);
            let bytes = if number == 5 { 666 } else { 10 };
            pushes.spawn(async move {
                (number, push(&storage, space(number), vec![live(round, NONE, bytes)]).await)
            });
        }
        for (number, pushed) in pushes.join_all().await {
            match number {
                5 => assert!(matches!(pushed, Err(StorageError::Database(_))), "{pushed:?}"),
                _ => assert!(is_committed(&pushed), "round {round}, space {number}: {pushed:?}"),
            }
        }
    }
    harness.end().await;
}

/// Unreachable and rejecting servers fail in time, with the real reason.
#[tokio::test]
async fn database_that_cannot_be_reached_is_a_typed_error() {
    let database = TestDatabase::empty().await;
    let rejected = PostgresOptions {
        url: "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap(),
        startup_wait: Duration::from_millis(600),
        ..options(&database)
    };
    let error = PostgresStorage::open(rejected).await.unwrap_err();
    let OpenError::Connect(cause) = &error else { panic!("{error:?}") };
    let sqlx::Error::Io(reason) = cause.driver() else { panic!("{error:?}") };
    assert_eq!(reason.kind(), std::io::ErrorKind::ConnectionRefused);

    let elsewhere = database.url().replace(database.name(), "no_such_database");
    // Waiting does not help, so nobody waits.
    let missing = PostgresOptions {
        url: elsewhere.parse().unwrap(),
        startup_wait: Duration::from_hours(1),
        ..options(&database)
    };
    let error = within("a rejection", Box::pin(PostgresStorage::open(missing))).await.unwrap_err();
    assert!(matches!(&error, OpenError::Connect(cause) if cause.code().is_some()), "{error:?}");

    let error = PostgresStorage::open(options(&database)).await.unwrap_err();
    assert!(matches!(error, OpenError::SchemaBehind { found: 0, .. }), "{error:?}");
    let migrating = PostgresOptions { run_migrations: true, ..options(&database) };
    PostgresStorage::open(migrating).await.unwrap().close().await;
    PostgresStorage::open(options(&database)).await.unwrap().close().await;
}

/// Pushes that race with the end either happened, and are there afterwards, or were rejected, and are not.
#[tokio::test(flavor = "multi_thread")]
async fn closing_finishes_what_has_queued_and_rejects_the_rest() {
    let harness = Harness::new(|options| options).await;
    let mut writers = JoinSet::new();
    for number in 1..=9 {
        writers.spawn(push_until_it_fails(Arc::clone(&harness.storage), space(number)));
    }
    within("some pushes", async {
        while harness.storage.spaces(&[space(1)]).await.unwrap()[0].cursor < cursor(20) {}
    })
    .await;
    tokio::join!(harness.storage.close(), harness.storage.close());
    assert!(is_unavailable(&harness.storage.ping().await));
    assert!(is_unavailable(&pull(&harness.storage, space(1)).await));
    let acknowledged = writers.join_all().await;
    let storage = PostgresStorage::open(options(&harness.database)).await.unwrap();
    for (id, acknowledged) in acknowledged {
        assert_eq!(storage.spaces(&[id]).await.unwrap()[0].cursor, cursor(acknowledged));
    }
    storage.close().await;
    harness.end().await;
}

/// Texts such as names of mailboxes would fail later, and for ever.
#[tokio::test]
async fn database_of_another_encoding_is_rejected() {
    let database = TestDatabase::empty().await;
    let name = format!("{}_latin1", database.name());
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    let create = format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    admin.execute(sqlx::raw_sql(AssertSqlSafe(create))).await.unwrap();
    let url = database.url().replace(database.name(), &name).parse().unwrap();
    let opened =
        PostgresStorage::open(PostgresOptions { url, run_migrations: true, ..options(&database) }).await;
    admin.execute(sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name}")))).await.unwrap();
    let OpenError::Migrate(error) = opened.unwrap_err() else { panic!("opened") };
    assert!(error.to_string().starts_with("database has encoding LATIN1"), "{error}");
}
