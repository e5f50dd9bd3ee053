//! Several migrators on one database (race R20).

use std::time::Duration;

use less_sync_storage_postgres::migrate::{Event, MigrateError, Up, latest_version};
use sqlx::Connection as _;

use crate::fixture::Fixture;

/// R20: every migration runs once, and both come up.
#[tokio::test(flavor = "multi_thread")]
async fn two_migrators_at_once_run_every_migration_once() {
    let fixture = Fixture::empty().await;
    let run = || {
        let migrator = fixture.migrator();
        tokio::task::spawn(async move {
            let mut applied = Vec::new();
            let mut tell = |event| {
                if let Event::Applied(step) = event {
                    applied.push(step.version);
                }
            };
            let reached = migrator.up(&Up::default(), &mut tell).await;
            (reached.unwrap(), applied)
        })
    };
    let (one, other) = (run(), run());
    let ((one_at, one_applied), (other_at, other_applied)) = (one.await.unwrap(), other.await.unwrap());
    assert_eq!((one_at, other_at), (latest_version(), latest_version()));
    let all: Vec<_> = (1..=latest_version()).collect();
    assert!(
        (one_applied == all && other_applied.is_empty()) || (other_applied == all && one_applied.is_empty()),
        "{one_applied:?} {other_applied:?}"
    );
    assert!(fixture.migrator().status().await.unwrap().is_current());
}

/// The lock is the one that other tools with this bookkeeping take (storage §2.2).
#[tokio::test]
async fn migrator_waits_for_the_lock_of_the_database_and_gives_up_in_time() {
    let mut fixture = Fixture::empty().await;
    let name = fixture.text("SELECT current_database()::text").await;
    let key = 0x3d32_ad9e_i64 * i64::from(crc32(&name));
    sqlx::query("SELECT pg_advisory_lock($1)").bind(key).execute(&mut fixture.db).await.unwrap();

    let hasty = fixture.migrator().with_lock_timeout(Duration::from_millis(300));
    let error = hasty.up(&Up::default(), &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, MigrateError::Locked(_)), "{error:?}");
    assert_eq!(fixture.migrator().version().await.unwrap(), 0, "looking takes no lock");
    assert!(!fixture.migrator().status().await.unwrap().is_current());

    let migrator = fixture.migrator();
    let run = tokio::task::spawn(async move { migrator.up(&Up::default(), &mut |_| {}).await });
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(key).execute(&mut fixture.db).await.unwrap();
    assert_eq!(run.await.unwrap().unwrap(), latest_version());
    fixture.db.ping().await.unwrap();
}

fn crc32(text: &str) -> u32 {
    !text.bytes().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
