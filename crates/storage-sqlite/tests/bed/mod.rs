//! A database in a temporary directory, and a way to its tables past the adapter.

use std::path::PathBuf;
use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_storage::conformance::{Arrangement, Backend, PageLimits};
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use rusqlite::{Connection, params};
use tempfile::TempDir;

pub(crate) struct SqliteBackend {
    directory: TempDir,
}

impl SqliteBackend {
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("sync.db")
    }

    fn connect(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        connection
    }
}

impl Backend for SqliteBackend {
    type Store = SqliteStorage;

    async fn create() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    async fn open(&self, pages: PageLimits) -> Arc<SqliteStorage> {
        let options = SqliteOptions {
            page_rows: pages.rows,
            page_bytes: pages.bytes,
            ..SqliteOptions::new(self.path())
        };
        Arc::new(SqliteStorage::open(options).unwrap())
    }

    async fn close(&self, store: Arc<SqliteStorage>) {
        store.close().await;
    }

    async fn arrange(&self, space: SpaceId, arrangement: Arrangement) {
        let (db, id) = (self.connect(), space.as_bytes());
        match arrangement {
            Arrangement::HomeServer(home) => {
                db.execute("UPDATE spaces SET home_server = ?2 WHERE id = ?1", params![id, home]).unwrap();
            }
            Arrangement::Epochs { key_generation, minimum, rewrap_pending } => {
                let rewrap = rewrap_pending.then(|| key_generation.get());
                let sql = "UPDATE spaces SET key_generation = ?2, min_key_generation = ?3, rewrap_epoch = ?4 WHERE id = ?1";
                db.execute(sql, params![id, key_generation.get(), minimum.get(), rewrap]).unwrap();
            }
            Arrangement::Cursor(cursor) => {
                let rows = "UPDATE records SET cursor = ?2 WHERE space_id = ?1
                            AND cursor = (SELECT cursor FROM spaces WHERE id = ?1)";
                db.execute(rows, params![id, cursor.as_i64()]).unwrap();
                db.execute("UPDATE spaces SET cursor = ?2 WHERE id = ?1", params![id, cursor.as_i64()])
                    .unwrap();
            }
        }
    }

    async fn violations(&self) -> Vec<String> {
        let db = self.connect();
        let mut check = db.prepare(include_str!("invariants.sql")).unwrap();
        let mut found: Vec<String> =
            check.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let integrity: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        found.extend((integrity != "ok").then_some(integrity));
        found
    }
}
