//! Database adapter selected by the configuration, and its maintenance.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use less_sync_disk::DirectorySync;
use less_sync_engine::Clock;
use less_sync_metrics::{Reading, Registry};
use less_sync_storage::{PoolState, Storage};
use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};

use crate::config::DatabaseConfig;
use crate::deployment_jobs::DeploymentJobs;
use crate::tasks::{JobOutcome, Tasks};

/// Interval of WAL checkpoints.
const CHECKPOINT: Duration = Duration::from_mins(1);

/// An open database adapter.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(Arc<SqliteStorage>),
    Postgres(Arc<PostgresStorage>),
}

impl Store {
    /// Opens the database and applies pending migrations. Waits for a database server that is not reachable yet, up to
    /// `DATABASE_STARTUP_WAIT`.
    pub(crate) async fn open(
        config: &DatabaseConfig,
        directory_sync: &DirectorySync,
    ) -> anyhow::Result<Self> {
        const FAILED: &str = "cannot open the database";
        Ok(match config {
            DatabaseConfig::Sqlite(options) => {
                let options = SqliteOptions { directory_sync: directory_sync.clone(), ..options.clone() };
                Self::Sqlite(Arc::new(SqliteStorage::open(options).context(FAILED)?))
            }
            DatabaseConfig::Postgres(options) => {
                let options = PostgresOptions::clone(options);
                Self::Postgres(Arc::new(PostgresStorage::open(options).await.context(FAILED)?))
            }
        })
    }

    /// The adapter behind the storage contract.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        match self {
            Self::Sqlite(storage) => storage.clone(),
            Self::Postgres(storage) => storage.clone(),
        }
    }

    /// Removes the record of a complete restore jump: once clients have connected, another restore needs another jump.
    pub(crate) async fn forget_jump(&self) -> anyhow::Result<()> {
        let forgotten = match self {
            Self::Sqlite(storage) => storage.forget_jump().await,
            Self::Postgres(storage) => storage.forget_jump().await,
        };
        forgotten.context("failed to remove the record of a restore")
    }

    /// Registers the metrics of the adapter and its connections.
    pub(crate) fn register_metrics(&self, registry: &mut Registry) {
        let state = |read: fn(PoolState) -> usize| {
            let store = self.clone();
            Reading::gauge(move || read(store.pool_state()))
        };
        let states = [
            (["idle"], state(|pool| pool.idle)),
            (["used"], state(|pool| pool.used)),
            (["waiting"], state(|pool| pool.waiting)),
        ];
        let help = "database connections, and operations that wait for one";
        registry.family("db_pool_connections", help, ["state"], states);
        match self {
            Self::Sqlite(storage) => storage.register_metrics(registry),
            Self::Postgres(storage) => storage.register_metrics(registry),
        }
    }

    /// Connections of the adapter by state, and operations that wait for one.
    pub(crate) fn pool_state(&self) -> PoolState {
        match self {
            Self::Sqlite(storage) => storage.pool_state(),
            Self::Postgres(storage) => storage.pool_state(),
        }
    }

    /// Starter of the jobs that one process of the deployment runs.
    pub(crate) fn deployment_jobs(&self, tasks: &Tasks, clock: &Arc<dyn Clock>) -> DeploymentJobs {
        let storage = match self {
            Self::Sqlite(_) => None,
            Self::Postgres(storage) => Some(storage.clone()),
        };
        DeploymentJobs::new(tasks.clone(), storage, clock.clone())
    }

    /// Starts the maintenance jobs of the adapter.
    pub(crate) fn spawn_maintenance(&self, tasks: &Tasks) {
        match self {
            Self::Sqlite(storage) => {
                let storage = storage.clone();
                tasks.spawn_periodic("sqlite checkpoint", CHECKPOINT, move || checkpoint(storage.clone()));
            }
            Self::Postgres(_) => {}
        }
    }

    /// Completes pending writes and closes the database.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(storage) => storage.close().await,
            Self::Postgres(storage) => storage.close().await,
        }
    }
}

async fn checkpoint(storage: Arc<SqliteStorage>) -> JobOutcome {
    let done = storage.checkpoint().await;
    if let Err(error) = &done {
        tracing::warn!(error = %less_sync_core::ErrorChain(error), "failed to checkpoint the database");
    }
    JobOutcome::of(&done)
}
