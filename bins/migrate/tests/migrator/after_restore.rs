//! `after-restore`: all cursors are raised once, and every client receives everything again (operations §12).

use std::process::{Command, Stdio};

use less_sync_client::Change;
use less_sync_core::Cursor;
use less_sync_test_support::{Device, EmptyEnvironment as _, record_id, within};
use sqlx::Connection as _;

use crate::site::{Site, Store, stop};

const FILE: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

/// Cursors of a table, ascending, as distances from `by`.
async fn cursors(site: &Site, table: &str, by: i64) -> Vec<i64> {
    let sql = format!("SELECT CAST(cursor - {by} AS TEXT) FROM {table} ORDER BY cursor");
    site.texts(&sql).await.iter().map(|text| text.parse().unwrap()).collect()
}

async fn every_cursor_is_raised_once(store: Store) {
    const JUMP: i64 = 1 << 32;
    let site = Site::new(store).await;
    let server = site.server().start().await;
    server.upload("alice", FILE, b"ciphertext").await;
    let mut bob = Device::connect(&server).user("bob").await;
    bob.push(&[Change::create(record_id(2).parse().unwrap(), "of bob")]).await;
    drop(bob);
    let before = [
        cursors(&site, "spaces", 0).await,
        cursors(&site, "records", 0).await,
        cursors(&site, "files", 0).await,
    ];
    let server = {
        let site = &site;
        server
            .restart_after(|| {
                let said = site.run(&["after-restore"]).succeeded();
                assert_eq!(said.lines(), ["raised jump=4294967296 spaces=2 rows=3"]);
                let said = site.run(&["after-restore"]);
                assert_eq!((said.code, said.lines()), (0, vec!["raised jump=4294967296 spaces=0 rows=0"]));
                assert!(said.err.contains("already"), "{}", said.err);
            })
            .await
    };
    let after = [
        cursors(&site, "spaces", JUMP).await,
        cursors(&site, "records", JUMP).await,
        cursors(&site, "files", JUMP).await,
    ];
    assert_eq!(after, before);
    // A client that is ahead of the restored database receives everything again.
    let mut device = Device::connect(&server).await;
    let (rows, reached) = device.pull(Cursor::new(77).unwrap()).await;
    assert_eq!((rows.len(), reached.get()), (1, u64::try_from(JUMP + before[0][1]).unwrap()));
    drop(device);
    stop(server).await;
    // A server has run since: another restore needs another jump.
    let said = site.run(&["after-restore", "--jump", "5"]).succeeded();
    assert_eq!(said.lines(), ["raised jump=5 spaces=2 rows=3"]);
    let said = site.run(&["after-restore", "--jump", "5", "--again"]).succeeded();
    assert_eq!(said.lines(), ["raised jump=5 spaces=2 rows=3"]);
    assert_eq!(cursors(&site, "spaces", JUMP + 10).await, before[0]);
}

#[tokio::test]
async fn every_cursor_of_sqlite_is_raised_once() {
    Box::pin(every_cursor_is_raised_once(Store::Sqlite)).await;
}

#[tokio::test]
async fn every_cursor_of_postgresql_is_raised_once() {
    Box::pin(every_cursor_is_raised_once(Store::Postgres)).await;
}

async fn jump_beyond_the_maximum_changes_nothing(store: Store) {
    let site = Site::new(store).await;
    site.run(&["up"]).succeeded();
    insert_spaces(&site, store, 3).await;
    let said = site.run(&["after-restore", "--jump", "9007199254740991"]);
    said.failed(1, "error: no room for a jump of 9007199254740991: the highest cursor is 1, the maximum 9007199254740991");
    assert_eq!(cursors(&site, "spaces", 0).await, [1, 1, 1]);
    assert_eq!(site.run(&["after-restore", "--jump", "0"]).code, 2);
    let said = site.run(&["after-restore", "--jump", "9007199254740990"]).succeeded();
    assert_eq!(said.lines(), ["raised jump=9007199254740990 spaces=3 rows=0"]);
}

#[tokio::test]
async fn jump_beyond_the_maximum_changes_nothing_in_sqlite() {
    jump_beyond_the_maximum_changes_nothing(Store::Sqlite).await;
}

#[tokio::test]
async fn jump_beyond_the_maximum_changes_nothing_in_postgresql() {
    jump_beyond_the_maximum_changes_nothing(Store::Postgres).await;
}

/// Killed between two of its transactions, while it waits for the lock of a space.
#[tokio::test]
async fn killed_run_has_changed_whole_spaces_and_is_continued() {
    let site = Site::new(Store::Postgres).await;
    insert_spaces(&site, Store::Postgres, 150).await;
    let mut blocker = site.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::raw_sql(
        "SELECT FROM spaces WHERE id = (SELECT id FROM spaces ORDER BY id OFFSET 120 LIMIT 1) FOR UPDATE",
    )
    .execute(&mut *lock)
    .await
    .unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_less-sync-migrate"))
        .empty_environment()
        .envs(site.settings().iter().cloned())
        .args(["after-restore", "--jump", "1000"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let waiting = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database()
                   AND application_name = 'less-sync-migrate' AND wait_event_type = 'Lock'";
    within("the run to wait", async {
        while site.texts(waiting).await != ["1"] {
            tokio::task::yield_now().await;
        }
    })
    .await;
    run.kill().unwrap();
    run.wait().unwrap();
    lock.rollback().await.unwrap();
    let raised = "SELECT count(*)::text FROM spaces WHERE cursor > 1000";
    assert_eq!(site.texts(raised).await, ["100"]);
    let other = site.run(&["after-restore", "--jump", "7"]);
    other.failed(1, "error: an interrupted run adds 1000 to the cursors: complete it first, without --jump");
    let said = site.run(&["after-restore"]).succeeded();
    assert_eq!(said.lines(), ["raised jump=1000 spaces=150 rows=0"]);
    assert_eq!(cursors(&site, "spaces", 1001).await, [0; 150]);
}

#[tokio::test]
async fn schema_must_be_current() {
    let site = Site::empty(Store::Postgres).await;
    site.run(&["up", "--to", "17"]).succeeded();
    let said = site.run(&["after-restore"]);
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("error: schema is at version 17, and this build needs "), "{}", said.err);
    let site = Site::new(Store::Sqlite).await;
    let said = site.run(&["after-restore"]);
    assert!(said.err.starts_with("error: no database at "), "{}", said.err);
}

async fn insert_spaces(site: &Site, store: Store, count: u32) {
    let sql = match store {
        Store::Sqlite => format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT INTO spaces (id, client_id, cursor, created_at, updated_at)
             SELECT randomblob(16), 'app', 1, 0, 0 FROM n"
        ),
        Store::Postgres => format!(
            "INSERT INTO spaces (id, client_id, cursor)
             SELECT gen_random_uuid(), 'app', 1 FROM generate_series(1, {count})"
        ),
    };
    site.execute(&sql).await;
}
