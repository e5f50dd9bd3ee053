//! Databases that this build opens and rejects (storage §2.2, §2.3).

use std::path::PathBuf;

use less_sync_core::SpaceId;
use less_sync_disk::DirectorySync;
use less_sync_storage::Spaces as _;
use less_sync_storage_sqlite::{
    OpenError, SchemaState, SqliteOptions, SqliteStorage, migrate, schema_status,
};
use rusqlite::Connection;
use tempfile::TempDir;

struct Harness {
    directory: TempDir,
}

impl Harness {
    /// A database as this build leaves it.
    async fn migrated() -> Self {
        let harness = Self { directory: tempfile::tempdir().unwrap() };
        harness.open().unwrap().close().await;
        harness
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("sync.db")
    }

    fn open(&self) -> Result<SqliteStorage, OpenError> {
        SqliteStorage::open(SqliteOptions::new(self.path()))
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    fn count(&self, sql: &str) -> i64 {
        Connection::open(self.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

const HISTORY: &str = "SELECT count(*) FROM _sqlx_migrations WHERE success AND length(checksum) = 48";

#[tokio::test]
async fn every_migration_runs_once() {
    let harness = Harness::migrated().await;
    let applied = harness.count(HISTORY);
    assert!(applied >= 1);
    let storage = harness.open().unwrap();
    let id = SpaceId::from_bytes([1; 16]);
    storage.personal_space(id, &"client".parse().unwrap(), None).await.unwrap();
    storage.close().await;
    let storage = harness.open().unwrap();
    assert_eq!(storage.spaces(&[id]).await.unwrap().len(), 1);
    storage.close().await;
    assert_eq!(harness.count(HISTORY), applied);
}

#[tokio::test]
async fn database_of_a_later_build_is_rejected() {
    let harness = Harness::migrated().await;
    harness
        .sql("INSERT INTO _sqlx_migrations VALUES (9000, 'from the future', '2040-01-01', TRUE, x'00', 1)");
    assert!(matches!(harness.open(), Err(OpenError::Newer(9000))));
    assert_eq!(harness.count("SELECT count(*) FROM _sqlx_migrations WHERE version = 9000"), 1);
}

/// Brings a database back to version 6, as a build without stored bytes left it.
const WITHOUT_STORED_BYTES: &str = "
    DROP TRIGGER spaces_disown;
    DROP TABLE owner_usage;
    DROP TABLE federation_signing_keys;
    DROP TABLE federation_home_hints;
    DROP TABLE federation_peer_state;
    DROP INDEX idx_spaces_home_server;
    DROP INDEX idx_spaces_stubs;
    DROP INDEX idx_invitations_origin_peer;
    DROP INDEX idx_spaces_rewrap;
    ALTER TABLE spaces DROP COLUMN rewrap_since;
    ALTER TABLE spaces DROP COLUMN owner_hash;
    ALTER TABLE spaces DROP COLUMN stored_bytes;
    DELETE FROM _sqlx_migrations WHERE version >= 7;
    INSERT INTO spaces (id, client_id, cursor, created_at, updated_at)
    VALUES (zeroblob(16), 'empty', 0, 0, 0), (x'01010101010101010101010101010101', 'client', 2, 0, 0);
    INSERT INTO records (space_id, id, cursor, deleted, wrapped_dek, blob) VALUES
        (x'01010101010101010101010101010101', randomblob(16), 1, 0, zeroblob(44), zeroblob(100000)),
        (x'01010101010101010101010101010101', x'02020202020202020202020202020202', 1, 0, NULL, x''),
        (x'01010101010101010101010101010101', randomblob(16), 2, 1, NULL, NULL);
    INSERT INTO files (space_id, id, record_id, cursor, deleted, size, wrapped_dek) VALUES
        (x'01010101010101010101010101010101', randomblob(16), x'02020202020202020202020202020202', 2, 0, 5000, zeroblob(44)),
        (x'01010101010101010101010101010101', randomblob(16), x'02020202020202020202020202020202', 2, 1, 0, x'')";

#[tokio::test]
async fn stored_bytes_of_existing_spaces_are_counted() {
    let harness = Harness::migrated().await;
    harness.sql(WITHOUT_STORED_BYTES);
    harness.open().unwrap().close().await;
    let stored =
        |client| harness.count(&format!("SELECT stored_bytes FROM spaces WHERE client_id = '{client}'"));
    assert_eq!(stored("empty"), 0);
    assert_eq!(stored("client"), 5 * 128 + 44 + 100_000 + 5000 + 44);
}

/// Storage §3.11: a rewrap that was pending before its start was recorded has the time of the last change of its space.
#[tokio::test]
async fn pending_rewraps_of_existing_spaces_are_dated() {
    let harness = Harness::migrated().await;
    harness.sql(
        "DROP INDEX idx_spaces_rewrap;
         ALTER TABLE spaces DROP COLUMN rewrap_since;
         DELETE FROM _sqlx_migrations WHERE version >= 10;
         INSERT INTO spaces (id, client_id, key_generation, rewrap_epoch, created_at, updated_at)
         VALUES (zeroblob(16), 'idle', 2, NULL, 1, 2), (x'01010101010101010101010101010101', 'client', 2, 2, 3, 4)",
    );
    harness.open().unwrap().close().await;
    let since = "SELECT group_concat(coalesce(rewrap_since, 0), ' ') FROM spaces ORDER BY id";
    let since = Connection::open(harness.path()).unwrap().query_row(since, [], |row| row.get::<_, String>(0));
    assert_eq!(since.unwrap(), "0 4");
}

#[tokio::test]
async fn migration_that_was_applied_in_a_different_form_is_rejected() {
    let harness = Harness::migrated().await;
    harness.sql("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1");
    assert!(matches!(harness.open(), Err(OpenError::ForeignMigration(1))));
}

#[tokio::test]
async fn half_applied_migration_is_rejected() {
    let harness = Harness::migrated().await;
    harness.sql("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 1");
    assert!(matches!(harness.open(), Err(OpenError::PartialMigration(1))));
}

#[tokio::test]
async fn unknown_tables_are_rejected_and_left_unchanged() {
    let harness = Harness { directory: tempfile::tempdir().unwrap() };
    harness.sql("CREATE TABLE records (mine TEXT)");
    assert!(matches!(harness.open(), Err(OpenError::UnknownSchema)));
    assert_eq!(harness.count("SELECT count(*) FROM sqlite_schema"), 1);
}

#[tokio::test]
async fn rejected_database_is_not_locked_afterwards() {
    let harness = Harness::migrated().await;
    harness.sql("UPDATE _sqlx_migrations SET success = FALSE");
    assert!(harness.open().is_err());
    harness.sql("UPDATE _sqlx_migrations SET success = TRUE");
    harness.open().unwrap().close().await;
}

/// Storage §8: strict tables, the keys and indexes that the statements count on.
#[tokio::test]
async fn schema_is_strict_and_indexed() {
    let harness = Harness::migrated().await;
    let ours = "name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations' AND type = 'table'";
    let strict = harness.count(&format!("SELECT count(*) FROM pragma_table_list WHERE {ours} AND strict"));
    assert_eq!(
        (strict, harness.count(&format!("SELECT count(*) FROM pragma_table_list WHERE {ours}"))),
        (15, 15)
    );
    let columns = |index: &str| {
        let sql = format!("SELECT group_concat(name, ' ') FROM pragma_index_info('{index}')");
        Connection::open(harness.path()).unwrap().query_row(&sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(columns("idx_records_sync"), "space_id cursor id deleted");
    assert_eq!(columns("sqlite_autoindex_records_1"), "space_id id");
    assert_eq!(columns("idx_members_sync"), "space_id cursor chain_seq");
    assert_eq!(columns("idx_files_sync"), "space_id cursor id deleted");
    assert_eq!(columns("idx_files_space_record"), "space_id record_id");
    assert_eq!(columns("idx_invitations_mailbox"), "mailbox_id created_at id");
    assert_eq!(columns("idx_rate_limit_actions_lookup"), "action actor_hash created_at");
    assert_eq!(columns("idx_spaces_home_server"), "home_server");
}

#[tokio::test]
async fn status_is_read_beside_a_server() {
    let harness = Harness::migrated().await;
    let storage = harness.open().unwrap();
    let status = schema_status(&harness.path()).unwrap();
    assert!(status.obstacle.is_none() && status.version >= 1, "{status:?}");
    assert!(status.entries.iter().all(|entry| entry.state == SchemaState::Applied));
    let installed_on = status.entries[0].installed_on.clone().unwrap();
    assert!(installed_on.starts_with("20") && installed_on.ends_with('Z'), "{installed_on}");
    assert!(matches!(migrate(&harness.path(), &DirectorySync::required()), Err(OpenError::InUse(_))));
    storage.close().await;
}

#[test]
fn status_of_a_missing_file_is_that_of_an_empty_database_and_makes_none() {
    let harness = Harness { directory: tempfile::tempdir().unwrap() };
    let status = schema_status(&harness.path()).unwrap();
    assert_eq!(status.version, 0);
    assert!(status.entries.iter().all(|entry| entry.state == SchemaState::Pending));
    assert!(!harness.path().exists());
    assert_eq!(migrate(&harness.path(), &DirectorySync::required()).unwrap().len(), status.entries.len());
    assert_eq!(migrate(&harness.path(), &DirectorySync::required()).unwrap(), []);
}

#[tokio::test]
async fn status_says_why_a_database_would_not_open() {
    let harness = Harness::migrated().await;
    harness.sql("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1");
    let status = schema_status(&harness.path()).unwrap();
    assert!(matches!(status.obstacle, Some(OpenError::ForeignMigration(1))), "{status:?}");
    assert_eq!(status.entries[0].state, SchemaState::Modified);
    harness.sql("DROP TABLE _sqlx_migrations");
    let status = schema_status(&harness.path()).unwrap();
    assert!(matches!(status.obstacle, Some(OpenError::UnknownSchema)), "{status:?}");
}
