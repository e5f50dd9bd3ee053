//! What the conformance suite needs.

use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_storage::conformance::{Arrangement, Backend, PageLimits};
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

    async fn create() -> Self {
        Self { database: TestDatabase::migrated().await }
    }

    async fn open(&self, pages: PageLimits) -> Arc<PostgresStorage> {
        let options =
            PostgresOptions { page_rows: pages.rows, page_bytes: pages.bytes, ..options(&self.database) };
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
            Arrangement::Cursor(cursor) => {
                let sql = "WITH carrying AS (
                               UPDATE records r SET cursor = $2 FROM spaces s
                               WHERE s.id = $1 AND r.space_id = s.id AND r.cursor = s.cursor
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
}
