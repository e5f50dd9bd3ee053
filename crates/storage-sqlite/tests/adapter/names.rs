//! Files of a database that are removed under a server, or read by a second name.

#![cfg(unix)]

use std::path::Path;

use bytes::Bytes;
use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_storage::{
    Change, Push, PushError, PushLimits, Pushed, RecordState, Records as _, Spaces as _, StorageError,
    WriteGrant,
};
use less_sync_storage_sqlite::{Alias, DatabaseCopy, OpenError, SqliteOptions, SqliteStorage, schema_status};

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const LIMITS: PushLimits = PushLimits { records: 1000, blob: 1 << 20, bytes: 1 << 24 };

fn open(path: &Path) -> SqliteStorage {
    SqliteStorage::open(SqliteOptions::new(path)).unwrap()
}

/// Creates or changes record `id`.
async fn push(storage: &SqliteStorage, id: u8, expected: Cursor) -> Result<Pushed, PushError> {
    let state = RecordState::Live { blob: Bytes::from_static(b"blob"), dek: None };
    let change = Change { id: RecordId::from_bytes([id; 16]), expected, state };
    storage.push(&WriteGrant::issue(SPACE), Push::new([change], None, LIMITS).unwrap()).await
}

/// Removes what looks like remains: later starts would not see what is written to a file without a name.
#[tokio::test]
async fn commit_to_a_removed_file_is_not_acknowledged() {
    for removed in ["sync.db", "sync.db-wal"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sync.db");
        let storage = open(&path);
        storage.personal_space(SPACE, &"client".parse().unwrap(), None).await.unwrap();
        let kept = push(&storage, 1, Cursor::ZERO).await.unwrap();
        let Pushed::Committed { cursor, .. } = kept else { panic!("{kept:?}") };
        std::fs::remove_file(directory.path().join(removed)).unwrap();
        for cause in ["replaced", "closed"] {
            let error = push(&storage, 2, Cursor::ZERO).await.unwrap_err();
            let matches =
                matches!(&error, StorageError::Unavailable(text) if text.to_string().contains(cause));
            assert!(matches, "{error:?}");
        }
        assert!(storage.ping().await.is_err(), "still ready");
        storage.close().await;
        if removed == "sync.db-wal" {
            let again = open(&path);
            let pushed = push(&again, 1, cursor).await.unwrap();
            assert!(matches!(pushed, Pushed::Committed { .. }), "the acknowledged push is lost: {pushed:?}");
            again.close().await;
        }
    }
}

/// Under another name the log is missed: a backup would lack what was committed since the last checkpoint.
#[tokio::test]
async fn database_is_not_read_by_another_name() {
    let directory = tempfile::tempdir().unwrap();
    let (path, other) = (directory.path().join("sync.db"), directory.path().join("other.db"));
    let storage = open(&path);
    std::fs::hard_link(&path, &other).unwrap();
    for path in [&path, &other] {
        let copied = DatabaseCopy::make(path, &directory.path().join("copy.db"));
        assert!(matches!(copied, Err(OpenError::Alias { alias: Alias::HardLinks(2), .. })), "{copied:?}");
        let status = schema_status(path);
        assert!(matches!(status, Err(OpenError::Alias { .. })), "{status:?}");
    }
    std::fs::remove_file(&other).unwrap();
    std::os::unix::fs::symlink(&path, &other).unwrap();
    assert!(schema_status(&other).is_ok(), "SQLite follows links");
    storage.close().await;
}
