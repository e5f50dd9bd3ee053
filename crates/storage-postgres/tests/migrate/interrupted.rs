//! Runs that end half way: `status` explains what they leave, and the next run goes on (storage §2.4).

use std::time::Duration;

use less_sync_storage_postgres::migrate::{Down, MigrateError, Status, Target, Up, latest_version};
use less_sync_test_support::within;
use sqlx::{Connection as _, PgConnection};

use crate::fixture::Fixture;

fn note(status: &Status, version: i64) -> String {
    let entry = status.entries.iter().find(|entry| entry.version == version).unwrap();
    entry.note.clone().unwrap()
}

/// Leftover of a failed concurrent index build.
async fn leave_invalid(fixture: &mut Fixture, index: &str) {
    fixture
        .execute(&format!(
            "UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid = '{index}'::regclass"
        ))
        .await;
}

#[tokio::test]
async fn unfinished_index_is_dropped_and_built_again() {
    let mut fixture = Fixture::at(12).await;
    fixture.execute("CREATE INDEX records_space_id_id_key ON records (cursor)").await;
    leave_invalid(&mut fixture, "records_space_id_id_key").await;
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.drift.as_ref(), status.obstacle.is_none()), (None, true));
    assert!(note(&status, 13).contains("left index records_space_id_id_key unfinished"));
    fixture.up_to_date().await;
    assert!(fixture.migrator().status().await.unwrap().is_current());
}

/// A build that really fails: it waits for a transaction, and its session is ended from outside.
#[tokio::test]
async fn run_that_is_killed_in_a_concurrent_build_is_continued() {
    let mut fixture = Fixture::at(13).await;
    let mut reader = PgConnection::connect(fixture.url()).await.unwrap();
    let mut snapshot = reader.begin().await.unwrap();
    sqlx::query("LOCK TABLE files IN ROW EXCLUSIVE MODE").execute(&mut *snapshot).await.unwrap();

    let run = {
        let migrator = fixture.migrator();
        tokio::task::spawn(async move { migrator.up(&Up::default(), &mut |_| {}).await })
    };
    within("the build to wait", async {
        let waiting = "SELECT count(*)::text FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'
                         AND query LIKE '%idx_files_sync%' AND pid <> pg_backend_pid()";
        while fixture.text(waiting).await == "0" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fixture
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE '%idx_files_sync%' AND pid <> pg_backend_pid()",
        )
        .await;
    let error = run.await.unwrap().unwrap_err();
    assert!(matches!(error, MigrateError::Failed { version: 14, .. }), "{error:?}");
    snapshot.rollback().await.unwrap();

    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.version, status.drift.as_ref()), (13, None));
    assert!(note(&status, 14).contains("left index idx_files_sync unfinished"));
    fixture.up_to_date().await;
    assert!(fixture.migrator().status().await.unwrap().is_current());
}

/// The run ended after the build and before it was written down.
#[tokio::test]
async fn complete_index_is_kept() {
    let mut fixture = Fixture::at(14).await;
    fixture.execute("DELETE FROM _sqlx_migrations WHERE version = 14").await;
    let oid = fixture.text("SELECT 'idx_files_sync'::regclass::oid::text").await;
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.version, status.drift.as_ref()), (13, None));
    assert!(note(&status, 14).contains("left index idx_files_sync complete"));
    fixture.up_to_date().await;
    assert_eq!(fixture.text("SELECT 'idx_files_sync'::regclass::oid::text").await, oid);
}

#[tokio::test]
async fn way_back_clears_what_an_interrupted_run_left() {
    let mut fixture = Fixture::at(14).await;
    fixture.execute("DELETE FROM _sqlx_migrations WHERE version = 14").await;
    let down = Down { target: Target::Version(12), ..Down::default() };
    fixture.migrator().down(&down, &mut |_| {}).await.unwrap();
    let left = fixture.text("SELECT (to_regclass('idx_files_sync') IS NULL)::text").await;
    assert_eq!(left, "true");
}

/// Version 16 waits at most five seconds for a lock, since all later statements queue behind it.
#[tokio::test]
async fn migration_that_cannot_have_its_lock_leaves_nothing_behind() {
    let mut fixture = Fixture::at(15).await;
    let mut other = PgConnection::connect(fixture.url()).await.unwrap();
    let mut reading = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE files IN ACCESS SHARE MODE").execute(&mut *reading).await.unwrap();
    let error = fixture.up(&Up::default()).await.unwrap_err();
    assert!(matches!(error, MigrateError::Failed { version: 16, .. }), "{error:?}");
    reading.rollback().await.unwrap();
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.version, status.drift), (15, None));
    fixture.up_to_date().await;
    assert_eq!(
        fixture.text("SELECT max(version)::text FROM _sqlx_migrations").await,
        latest_version().to_string()
    );
}

/// Operations O20: the lock ends with the run that failed.
#[tokio::test]
async fn failed_run_holds_no_lock() {
    let mut fixture = Fixture::at(12).await;
    fixture.execute("UPDATE _sqlx_migrations SET success = false WHERE version = 12").await;
    let hasty = fixture.migrator().with_lock_timeout(Duration::from_mins(1));
    for _ in 0..3 {
        let error = hasty.up(&Up::default(), &mut |_| {}).await.unwrap_err();
        assert!(matches!(error, MigrateError::Partial(12)), "{error:?}");
    }
}
