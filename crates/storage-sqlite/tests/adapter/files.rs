//! Files of a database: permissions, the lock against a second process, and erasure of deleted content.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_disk::DirectorySync;
use less_sync_storage::{
    Change, Push, PushLimits, Pushed, RecordState, Records as _, Spaces as _, StorageError, WriteGrant,
};
use less_sync_storage_sqlite::{Alias, OpenError, SqliteOptions, SqliteStorage, migrate};

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const LIMITS: PushLimits = PushLimits { records: 1000, blob: 1 << 20, bytes: 1 << 24 };

fn open(path: &Path) -> Result<SqliteStorage, OpenError> {
    SqliteStorage::open(SqliteOptions::new(path))
}

async fn push(storage: &SqliteStorage, expected: Cursor, state: RecordState) -> Cursor {
    let change = Change { id: RecordId::from_bytes([1; 16]), expected, state };
    let push = Push::new([change], None, LIMITS).unwrap();
    match storage.push(&WriteGrant::issue(SPACE), push).await.unwrap() {
        Pushed::Committed { cursor, .. } => cursor,
        conflict @ Pushed::Conflict { .. } => panic!("{conflict:?}"),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn everything_belongs_to_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/on/demand/sync.db");
    let storage = open(&path).unwrap();
    storage.personal_space(SPACE, &"client".parse().unwrap(), None).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = PathBuf::from(format!("{}{suffix}", path.display()));
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    for made in path.ancestors().skip(1).take(3) {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
    storage.close().await;
}

#[tokio::test]
async fn second_adapter_of_one_database_is_rejected_until_the_first_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse(rejected)) if rejected == path));
    first.ping().await.unwrap();
    first.close().await;
    open(&path).unwrap().close().await;
}

#[tokio::test]
async fn second_process_is_rejected_until_the_first_has_closed_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let opened_by_another_process = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "files::child_opens_the_database", "--ignored"])
            .env("LESS_TEST_SQLITE_PATH", &path);
        child.output().unwrap().status.success()
    };
    let storage = open(&path).unwrap();
    assert!(!opened_by_another_process());
    storage.close().await;
    assert!(opened_by_another_process());
}

/// Not a test of its own: the other process of the one above.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn child_opens_the_database() {
    let path = std::env::var_os("LESS_TEST_SQLITE_PATH").unwrap();
    open(Path::new(&path)).unwrap();
}

/// Under another name the write-ahead log would be missed, and with it what was acknowledged since the last checkpoint.
#[cfg(unix)]
#[tokio::test]
async fn second_name_of_a_database_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let (path, other) = (directory.path().join("sync.db"), directory.path().join("other.db"));
    let first = open(&path).unwrap();
    let alias_at = |path: &Path| match (open(path), migrate(path, &DirectorySync::required())) {
        (Err(OpenError::Alias { alias, .. }), Err(OpenError::Alias { alias: same, .. })) if alias == same => {
            alias
        }
        opened => panic!("{opened:?}"),
    };

    std::os::unix::fs::symlink(&path, &other).unwrap();
    assert_eq!(alias_at(&other), Alias::SymbolicLink);
    std::fs::remove_file(&other).unwrap();

    std::fs::hard_link(&path, &other).unwrap();
    assert_eq!(alias_at(&other), Alias::HardLinks(2));
    first.close().await;
    assert_eq!(alias_at(&path), Alias::HardLinks(2));
    std::fs::remove_file(&other).unwrap();
    open(&path).unwrap().close().await;
}

/// The lock beside the database does not move with it, the one on its inode does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn renamed_database_stays_locked() {
    let directory = tempfile::tempdir().unwrap();
    let (path, renamed) = (directory.path().join("sync.db"), directory.path().join("renamed.db"));
    let first = open(&path).unwrap();
    std::fs::rename(&path, &renamed).unwrap();
    assert!(matches!(open(&renamed), Err(OpenError::InUse(_))));
    assert!(matches!(migrate(&renamed, &DirectorySync::required()), Err(OpenError::InUse(_))));
    first.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn replaced_database_is_written_no_further() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let storage = open(&path).unwrap();
    storage.personal_space(SPACE, &"client".parse().unwrap(), None).await.unwrap();
    storage.checkpoint().await.unwrap();
    std::fs::copy(&path, directory.path().join("copy.db")).unwrap();
    std::fs::rename(directory.path().join("copy.db"), &path).unwrap();
    let error = storage.checkpoint().await.unwrap_err();
    assert!(
        matches!(&error, StorageError::Unavailable(cause) if cause.to_string().contains("replaced")),
        "{error:?}"
    );
    let written =
        storage.personal_space(SpaceId::from_bytes([2; 16]), &"client".parse().unwrap(), None).await;
    assert!(matches!(written, Err(StorageError::Unavailable(_))), "{written:?}");
}

/// Relative, so that SQLite could take it for a URI; a child has a working directory of its own.
#[tokio::test]
async fn path_in_the_form_of_a_uri_is_a_path() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "files::child_opens_the_database", "--ignored"]).current_dir(&directory);
    child.env("LESS_TEST_SQLITE_PATH", "file:sync.db?mode=memory");
    assert!(child.output().unwrap().status.success());
    assert!(directory.path().join("file:sync.db?mode=memory").metadata().unwrap().len() > 0);
}

#[test]
fn file_that_is_no_database_is_rejected_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let text = "certainly not a database, but somebody may need it still ".repeat(50);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(open(&path), Err(OpenError::Sqlite(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open(&file.join("sync.db")).unwrap_err();
    assert!(matches!(&error, OpenError::Files { path, .. } if *path == file), "{error:?}");
}

/// Tombstones promise erasure (storage §8, `secure_delete`).
#[tokio::test]
async fn deleted_and_replaced_blobs_are_in_no_file_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let storage = open(&path).unwrap();
    storage.personal_space(SPACE, &"client".parse().unwrap(), None).await.unwrap();
    let live =
        |text: &str, times: usize| RecordState::Live { blob: Bytes::from(text.repeat(times)), dek: None };
    // Short ones live in the page of their row, long ones in pages of their own.
    let mut at = push(&storage, Cursor::ZERO, live("replaced-long", 5000)).await;
    at = push(&storage, at, live("replaced-short", 20)).await;
    at = push(&storage, at, live("deleted-long", 9000)).await;
    at = push(&storage, at, live("deleted-short", 10)).await;
    let found = |path: &Path, text: &str| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let log = directory.path().join("sync.db-wal");
    assert!(found(&log, "deleted-short"), "the test looks in the wrong place");
    push(&storage, at, RecordState::Tombstone).await;
    storage.close().await;
    for text in ["replaced-long", "replaced-short", "deleted-long", "deleted-short"] {
        assert!(!found(&path, text) && !found(&log, text), "{text} is still there");
    }
}

#[tokio::test]
async fn closing_empties_the_log_and_dropping_does_so_in_its_own_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let log = directory.path().join("sync.db-wal");
    let log_bytes = || log.metadata().map_or(0, |log| log.len());

    let storage = open(&path).unwrap();
    storage.personal_space(SPACE, &"client".parse().unwrap(), None).await.unwrap();
    push(&storage, Cursor::ZERO, RecordState::Tombstone).await;
    assert!(log_bytes() > 0);
    storage.close().await;
    assert_eq!(log_bytes(), 0);

    let storage = open(&path).unwrap();
    push(&storage, Cursor::new(1).unwrap(), RecordState::Tombstone).await;
    drop(storage);
    let again = std::iter::repeat_with(|| open(&path))
        .find(|opened| !matches!(opened, Err(OpenError::InUse(_))))
        .unwrap()
        .unwrap();
    assert_eq!(again.spaces(&[SPACE]).await.unwrap()[0].cursor, Cursor::new(2).unwrap());
    again.close().await;
}

#[tokio::test]
async fn checkpoint_moves_the_log_into_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(&directory.path().join("sync.db")).unwrap();
    storage.personal_space(SPACE, &"client".parse().unwrap(), None).await.unwrap();
    let before = storage.path().metadata().unwrap().len();
    push(&storage, Cursor::ZERO, RecordState::Live { blob: Bytes::from(vec![1; 100_000]), dek: None }).await;
    let checkpoint = storage.checkpoint().await.unwrap();
    assert!(checkpoint.complete && checkpoint.log_pages > 20, "{checkpoint:?}");
    assert_eq!(checkpoint.log_pages, checkpoint.moved_pages);
    assert!(storage.path().metadata().unwrap().len() > before + 90_000);
    storage.close().await;
}

/// A created database may vanish in a power failure where its directory cannot be synchronised.
#[tokio::test]
async fn database_is_opened_without_durable_directories_only_on_request() {
    let unsupported = |_: &Path| Err(std::io::ErrorKind::InvalidInput.into());
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str, sync: DirectorySync| {
        let path = directory.path().join(name);
        let directory_sync = sync.with_operation(unsupported);
        SqliteStorage::open(SqliteOptions { directory_sync, ..SqliteOptions::new(path) })
    };
    for name in ["sync.db", "missing/sync.db"] {
        let error = at(name, DirectorySync::required()).unwrap_err();
        let OpenError::Files { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains("cannot synchronise directories"), "{source}");
        let storage = at(name, DirectorySync::best_effort(|_| ())).unwrap();
        storage.personal_space(SPACE, &"client".parse().unwrap(), None).await.unwrap();
        push(&storage, Cursor::ZERO, RecordState::Tombstone).await;
        storage.close().await;
    }
}
