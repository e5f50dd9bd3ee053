//! Restore jump: interrupted between two transactions, and continued (operations §12).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use less_sync_disk::DirectorySync;
use less_sync_storage::{CursorJump, JumpOutcome, JumpRejection, JumpRequest};
use less_sync_storage_sqlite::{OpenError, SqliteOptions, SqliteStorage, jump_cursors, migrate};
use rusqlite::Connection;
use tempfile::TempDir;

const SPACES: u32 = 250;

fn database() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    migrate(&path, &DirectorySync::required()).unwrap();
    let insert = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SPACES})
         INSERT INTO spaces (id, client_id, cursor, created_at, updated_at)
         SELECT randomblob(16), 'app', 2, 0, 0 FROM n;
         INSERT INTO records (space_id, id, cursor, blob) SELECT id, randomblob(16), 1, x'01' FROM spaces;
         INSERT INTO records (space_id, id, cursor, blob) SELECT id, randomblob(16), 2, x'02' FROM spaces;"
    );
    Connection::open(&path).unwrap().execute_batch(&insert).unwrap();
    (directory, path)
}

/// Numbers of spaces, and of records, by their cursors.
fn counts(path: &PathBuf) -> Vec<(String, i64, i64)> {
    let sql = "SELECT 'space', cursor, count(*) FROM spaces GROUP BY 2
               UNION ALL SELECT 'record', cursor, count(*) FROM records GROUP BY 2 ORDER BY 1, 2";
    let db = Connection::open(path).unwrap();
    let mut select = db.prepare(sql).unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn interrupted_jump_is_continued_and_no_space_jumps_twice() {
    let (_directory, path) = database();
    let request = JumpRequest { jump: Some(CursorJump::new(1000).unwrap()), again: false };
    let mut transactions = 0;
    let interrupted = catch_unwind(AssertUnwindSafe(|| {
        jump_cursors(&path, &DirectorySync::required(), request, &mut |_progress| {
            transactions += 1;
            assert!(transactions < 2, "interrupted");
        })
    }));
    assert!(interrupted.is_err());
    let row = |kind: &str, cursor, count| (kind.to_owned(), cursor, count);
    let half = [
        row("record", 1, 50),
        row("record", 2, 50),
        row("record", 1001, 200),
        row("record", 1002, 200),
        row("space", 2, 50),
        row("space", 1002, 200),
    ];
    assert_eq!(counts(&path), half);
    let error = SqliteStorage::open(SqliteOptions::new(&path)).unwrap_err();
    assert!(matches!(error, OpenError::UnfinishedRestore), "{error:?}");
    let other = JumpRequest { jump: Some(CursorJump::DEFAULT), again: true };
    let error = jump_cursors(&path, &DirectorySync::required(), other, &mut |_| {}).unwrap_err();
    assert!(matches!(error, OpenError::Jump(JumpRejection::OtherJump { .. })), "{error:?}");
    let JumpOutcome::Jumped(done) =
        jump_cursors(&path, &DirectorySync::required(), JumpRequest::default(), &mut |_| {}).unwrap()
    else {
        panic!("complete already");
    };
    assert_eq!((done.spaces, done.rows), (250, 500));
    let whole = [row("record", 1001, 250), row("record", 1002, 250), row("space", 1002, 250)];
    assert_eq!(counts(&path), whole);
    let repeated =
        jump_cursors(&path, &DirectorySync::required(), JumpRequest::default(), &mut |_| {}).unwrap();
    assert_eq!(repeated, JumpOutcome::AlreadyComplete(done));
    assert_eq!(counts(&path), whole);
}

/// A database that a server has open is not changed.
#[tokio::test]
async fn database_in_use_is_rejected() {
    let (_directory, path) = database();
    let storage = SqliteStorage::open(SqliteOptions::new(&path)).unwrap();
    let error =
        jump_cursors(&path, &DirectorySync::required(), JumpRequest::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error:?}");
    storage.close().await;
}
