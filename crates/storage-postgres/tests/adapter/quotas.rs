//! Counts of stored bytes beside servers that do not count, and locks of owners (storage §3.20).

use less_sync_core::Cursor;
use less_sync_storage::{
    OwnerHash, PushError, PushRejection, Pushed, Quota, Quotas, Spaces as _, StorageError,
};
use sqlx::{Connection as _, PgConnection};

use crate::harness::{Harness, cursor, execute, is_committed, live, push, space, tombstone};

const OWNER: OwnerHash = OwnerHash::from_bytes([7; 32]);

/// Spaces whose counts are those of a recount, and known to be.
async fn counted(db: &mut PgConnection) -> i64 {
    let sql = "SELECT count(*) FROM spaces s
               WHERE s.cursor > 0 AND s.counted_cursor = s.cursor AND s.stored_bytes = less_sync_count_1(s.id)";
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

fn is_rejected(pushed: &Result<Pushed, PushError>, quota: Quota) -> bool {
    matches!(pushed, Err(StorageError::Rejected(PushRejection::QuotaExceeded(by))) if *by == quota)
}

/// A server of an older version that runs beside this one during an upgrade writes without counting.
const OLDER_PUSH: &str =
    "SELECT less_sync_push_one_1(true, '01010101-0101-0101-0101-010101010101', NULL, NULL,
    gen_random_uuid(), 0, decode(repeat('00', 500), 'hex'), NULL)";

#[tokio::test]
async fn space_is_counted_anew_after_a_write_of_an_older_server() {
    let quotas = Quotas { space: Some(2000), user: Some(3000) };
    let harness =
        Harness::new(|options| less_sync_storage_postgres::PostgresOptions { quotas, ..options }).await;
    let mut db = harness.connect().await;
    for number in 1..=2 {
        let client = "client".parse().unwrap();
        harness.storage.personal_space(space(number), &client, Some(OWNER)).await.unwrap();
    }
    assert!(is_committed(&harness.push(space(1), 1, Cursor::ZERO, 100).await));
    assert_eq!(counted(&mut db).await, 1);
    execute(&mut db, OLDER_PUSH).await;
    assert_eq!(counted(&mut db).await, 0);
    // 228 and 628 bytes are there.
    let beyond = harness.push(space(1), 2, Cursor::ZERO, 2000 - 228 - 628 - 128 + 1).await;
    assert!(is_rejected(&beyond, Quota::Space), "{beyond:?}");
    assert!(is_committed(&harness.push(space(1), 2, Cursor::ZERO, 2000 - 228 - 628 - 128).await));
    assert_eq!(counted(&mut db).await, 1);
    let beyond = harness.push(space(2), 1, Cursor::ZERO, 3000 - 2000 - 128 + 1).await;
    assert!(is_rejected(&beyond, Quota::User), "{beyond:?}");
    assert!(is_committed(&harness.push(space(2), 1, Cursor::ZERO, 3000 - 2000 - 128).await));
    execute(&mut db, OLDER_PUSH).await;
    // A batch of two, on the space to be counted and on another one.
    let storage = &harness.storage;
    let (shrunk, revived) = tokio::join!(
        push(storage, space(1), vec![tombstone(1, cursor(1)), tombstone(2, cursor(3))]),
        push(storage, space(3), vec![live(1, Cursor::ZERO, 1), live(2, Cursor::ZERO, 1)]),
    );
    assert!(is_committed(&shrunk) && is_committed(&revived), "{shrunk:?} {revived:?}");
    assert_eq!(counted(&mut db).await, 3);
    harness.end().await;
}

/// A push to one space of an owner whose row is locked waits on the slow path, and the pushes of others go on.
#[tokio::test]
async fn locked_owner_does_not_hold_up_others() {
    let harness = Harness::new(|options| options).await;
    let client = "client".parse().unwrap();
    harness.storage.personal_space(space(1), &client, Some(OWNER)).await.unwrap();
    let mut db = harness.connect().await;
    let mut transaction = db.begin().await.unwrap();
    execute(&mut transaction, "SELECT FROM owner_usage FOR NO KEY UPDATE").await;
    let storage = std::sync::Arc::clone(&harness.storage);
    let waiting =
        tokio::spawn(async move { push(&storage, space(1), vec![live(1, Cursor::ZERO, 10)]).await });
    for number in 2..=9 {
        assert!(is_committed(&harness.push(space(number), 1, Cursor::ZERO, 10).await));
    }
    assert!(!waiting.is_finished());
    transaction.rollback().await.unwrap();
    assert!(is_committed(&waiting.await.unwrap()));
    assert_eq!(counted(&mut db).await, 9);
    harness.end().await;
}
