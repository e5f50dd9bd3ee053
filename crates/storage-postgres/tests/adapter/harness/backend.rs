//! Backend of the conformance suite.

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::Quotas;
use less_sync_storage_conformance::{Arrangement, Backend, PageLimits};
use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
use less_sync_test_support::postgres::TestDatabase;
use sqlx::{Connection as _, PgConnection};

use super::options;

pub(crate) struct PostgresBackend {
    database: TestDatabase,
}

impl PostgresBackend {
    async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }
}

/// Every row that breaks an invariant.
pub(crate) async fn violations(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(include_str!("invariants.sql")).fetch_all(connection).await.unwrap()
}

impl Backend for PostgresBackend {
    type Store = PostgresStorage;

    /// A database and sessions for each history take twenty times as long as a file.
    const HISTORIES_DIVISOR: u32 = 4;

    async fn create() -> Self {
        Self { database: TestDatabase::migrated().await }
    }

    async fn open(&self, pages: PageLimits, quotas: Quotas) -> Arc<PostgresStorage> {
        let options = PostgresOptions {
            page_rows: pages.rows,
            page_bytes: pages.bytes,
            quotas,
            ..options(&self.database)
        };
        Arc::new(PostgresStorage::open(options).await.unwrap())
    }

    async fn close(&self, store: Arc<PostgresStorage>) {
        store.close().await;
    }

    async fn arrange(&self, space: SpaceId, arrangement: Arrangement) {
        let (mut db, id) = (self.connect().await, space.as_uuid());
        let done = match arrangement {
            Arrangement::HomeServer(home) => {
                sqlx::query("UPDATE spaces SET home_server = $2 WHERE id = $1")
                    .bind(id)
                    .bind(home)
                    .execute(&mut db)
                    .await
            }
            Arrangement::Epochs { key_generation, minimum, rewrap_pending } => {
                let rewrap = rewrap_pending.then(|| key_generation.get());
                let sql = "UPDATE spaces SET key_generation = $2, min_key_generation = $3, rewrap_epoch = $4
                           WHERE id = $1";
                sqlx::query(sql)
                    .bind(id)
                    .bind(key_generation.get())
                    .bind(minimum.get())
                    .bind(rewrap)
                    .execute(&mut db)
                    .await
            }
            Arrangement::Object { file, key } => {
                let sql = "UPDATE files SET object_key = $3, sha256 = NULL WHERE space_id = $1 AND id = $2";
                sqlx::query(sql).bind(id).bind(file.as_uuid()).bind(key).execute(&mut db).await
            }
            Arrangement::Cursor(cursor) => {
                let sql = "WITH records AS (
                               UPDATE records r SET cursor = $2 FROM spaces s
                               WHERE s.id = $1 AND r.space_id = s.id AND r.cursor = s.cursor
                           ), members AS (
                               UPDATE members m SET cursor = $2 FROM spaces s
                               WHERE s.id = $1 AND m.space_id = s.id AND m.cursor = s.cursor
                           ), files AS (
                               UPDATE files f SET cursor = $2 FROM spaces s
                               WHERE s.id = $1 AND f.space_id = s.id AND f.cursor = s.cursor
                           )
                           UPDATE spaces SET cursor = $2 WHERE id = $1";
                sqlx::query(sql).bind(id).bind(cursor.as_i64()).execute(&mut db).await
            }
        };
        assert_eq!(done.unwrap().rows_affected(), 1);
    }

    async fn violations(&self) -> Vec<String> {
        violations(&mut self.connect().await).await
    }

    async fn let_time_pass(&self, by: Duration) {
        let (mut db, by) = (self.connect().await, i64::try_from(by.as_micros()).unwrap());
        for sql in [
            "UPDATE invitations SET created_at = created_at - $1 * interval '1 microsecond',
                                    expires_at = expires_at - $1 * interval '1 microsecond'",
            "UPDATE rate_limit_actions SET created_at = created_at - $1 * interval '1 microsecond'",
            "UPDATE blob_uploads SET not_before = not_before - $1 * interval '1 microsecond'",
            "UPDATE federation_signing_keys SET created_at = created_at - $1 * interval '1 microsecond',
                                                deactivated_at = deactivated_at - $1 * interval '1 microsecond'",
            "UPDATE federation_home_hints SET created_at = created_at - $1 * interval '1 microsecond',
                                              expires_at = expires_at - $1 * interval '1 microsecond'",
            "UPDATE federation_peer_state SET until = until - $1 * interval '1 microsecond'",
            "UPDATE spaces SET rewrap_since = rewrap_since - $1 * interval '1 microsecond'",
        ] {
            sqlx::query(sql).bind(by).execute(&mut db).await.unwrap();
        }
        // A trigger would set the time of the last change to now.
        sqlx::query("ALTER TABLE spaces DISABLE TRIGGER spaces_updated_at").execute(&mut db).await.unwrap();
        let spaces = "UPDATE spaces SET updated_at = updated_at - $1 * interval '1 microsecond'";
        sqlx::query(spaces).bind(by).execute(&mut db).await.unwrap();
        sqlx::query("ALTER TABLE spaces ENABLE TRIGGER spaces_updated_at").execute(&mut db).await.unwrap();
    }

    async fn pending_deletions(&self, space: SpaceId) -> Vec<(FileId, String)> {
        let sql = "SELECT file_id, object_key FROM blob_uploads
                   WHERE space_id = $1 AND (pending_delete OR not_before <= now()) ORDER BY 1";
        let rows: Vec<(uuid::Uuid, String)> =
            sqlx::query_as(sql).bind(space.as_uuid()).fetch_all(&mut self.connect().await).await.unwrap();
        rows.into_iter().map(|(file, key)| (file.into(), key)).collect()
    }
}
