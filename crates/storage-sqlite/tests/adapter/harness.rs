//! A database in a temporary directory, and a way to its tables past the adapter.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::Quotas;
use less_sync_storage_conformance::{Arrangement, Backend, PageLimits};
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
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
        connection.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
        connection
    }
}

impl Backend for SqliteBackend {
    type Store = SqliteStorage;

    async fn create() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    async fn open(&self, pages: PageLimits, quotas: Quotas) -> Arc<SqliteStorage> {
        let options = SqliteOptions {
            page_rows: pages.rows,
            page_bytes: pages.bytes,
            quotas,
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
                let sql = "UPDATE spaces SET key_generation = ?2, min_key_generation = ?3, rewrap_epoch = ?4,
                           rewrap_since = iif(?4 IS NULL, NULL, updated_at) WHERE id = ?1";
                db.execute(sql, params![id, key_generation.get(), minimum.get(), rewrap]).unwrap();
            }
            Arrangement::Object { file, key } => {
                let sql = "UPDATE files SET object_key = ?3, sha256 = NULL WHERE space_id = ?1 AND id = ?2";
                assert_eq!(db.execute(sql, params![id, file.as_bytes(), key]).unwrap(), 1);
            }
            Arrangement::Cursor(cursor) => {
                for table in ["records", "members", "files"] {
                    let rows = format!(
                        "UPDATE {table} SET cursor = ?2 WHERE space_id = ?1
                         AND cursor = (SELECT cursor FROM spaces WHERE id = ?1)"
                    );
                    db.execute(&rows, params![id, cursor.as_i64()]).unwrap();
                }
                db.execute("UPDATE spaces SET cursor = ?2 WHERE id = ?1", params![id, cursor.as_i64()])
                    .unwrap();
            }
        }
    }

    async fn violations(&self) -> Vec<String> {
        let db = self.connect();
        let mut check = db.prepare(include_str!("harness/invariants.sql")).unwrap();
        let mut found: Vec<String> =
            check.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let integrity: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        found.extend((integrity != "ok").then_some(integrity));
        found.extend(foreign_hashes(&db));
        found
    }

    async fn let_time_pass(&self, by: Duration) {
        let (db, by) = (self.connect(), i64::try_from(by.as_micros()).unwrap());
        db.execute("UPDATE invitations SET created_at = created_at - ?1, expires_at = expires_at - ?1", [by])
            .unwrap();
        db.execute("UPDATE rate_limit_actions SET created_at = created_at - ?1", [by]).unwrap();
        db.execute("UPDATE blob_uploads SET not_before = not_before - ?1", [by]).unwrap();
        db.execute(
            "UPDATE federation_home_hints SET created_at = created_at - ?1, expires_at = expires_at - ?1",
            [by],
        )
        .unwrap();
        db.execute("UPDATE federation_peer_state SET until = until - ?1", [by]).unwrap();
        db.execute("UPDATE spaces SET updated_at = updated_at - ?1", [by]).unwrap();
        let keys = "UPDATE federation_signing_keys SET created_at = created_at - ?1, deactivated_at = deactivated_at - ?1";
        db.execute(keys, [by]).unwrap();
        db.execute("UPDATE spaces SET rewrap_since = rewrap_since - ?1", [by]).unwrap();
    }

    async fn pending_deletions(&self, space: SpaceId) -> Vec<(FileId, String)> {
        let db = self.connect();
        let sql = "SELECT file_id, object_key FROM blob_uploads WHERE space_id = ?1
                   AND (pending_delete = 1 OR not_before <= unixepoch('subsec') * 1000000) ORDER BY 1";
        let mut select = db.prepare(sql).unwrap();
        let rows =
            select.query_map([space.as_bytes()], |row| Ok((FileId::from_bytes(row.get(0)?), row.get(1)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// P6: membership entries whose hash is that of something else. SQL cannot say it.
fn foreign_hashes(db: &Connection) -> Vec<String> {
    let mut select = db.prepare("SELECT chain_seq, entry_hash, payload FROM members").unwrap();
    let rows = select.query_map([], |row| {
        let (seq, hash, payload): (i32, [u8; 32], Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let right = Sha256::digest(&payload)[..] == hash;
        Ok((!right).then(|| format!("P6: hash is not that of the payload: entry {seq}")))
    });
    rows.unwrap().filter_map(|row| row.unwrap()).collect()
}
