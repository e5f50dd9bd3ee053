//! The store, whichever adapter it is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use less_sync_storage::Storage;
use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
use less_sync_storage_sqlite::SqliteStorage;

use crate::config::DatabaseConfig;
use crate::tasks::Tasks;

const CHECKPOINT: Duration = Duration::from_mins(1);

/// An open database, and what it needs beside the contract.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(Arc<SqliteStorage>),
    Postgres(Arc<PostgresStorage>),
}

impl Store {
    /// Opens the database and brings its tables up to date. Waits for a server that is not there yet.
    pub(crate) async fn open(config: &DatabaseConfig) -> anyhow::Result<Self> {
        const FAILED: &str = "cannot open the database";
        Ok(match config {
            DatabaseConfig::Sqlite(options) => {
                Self::Sqlite(Arc::new(SqliteStorage::open(options.clone()).context(FAILED)?))
            }
            DatabaseConfig::Postgres(options) => {
                let options = PostgresOptions::clone(options);
                Self::Postgres(Arc::new(PostgresStorage::open(options).await.context(FAILED)?))
            }
        })
    }

    /// The contract, without the adapter.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        match self {
            Self::Sqlite(storage) => storage.clone(),
            Self::Postgres(storage) => storage.clone(),
        }
    }

    /// Starts what keeps the database in good order.
    pub(crate) fn spawn_upkeep(&self, tasks: &Tasks) {
        match self {
            Self::Sqlite(storage) => {
                let storage = storage.clone();
                tasks.spawn_periodic("sqlite checkpoint", CHECKPOINT, move || checkpoint(storage.clone()));
            }
            Self::Postgres(_) => {}
        }
    }

    /// Finishes what has begun and closes the database.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(storage) => storage.close().await,
            Self::Postgres(storage) => storage.close().await,
        }
    }
}

async fn checkpoint(storage: Arc<SqliteStorage>) {
    if let Err(error) = storage.checkpoint().await {
        tracing::warn!(error = %less_sync_core::ErrorChain(&error), "checkpoint failed");
    }
}
