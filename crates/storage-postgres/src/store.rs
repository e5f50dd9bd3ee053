//! Adapter: composition, open and close.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use less_sync_metrics::Registry;
use less_sync_storage::{JUMP_SETTING, PoolState, Quotas, StorageError};
use tokio::time::{Instant, timeout};

use crate::connector::Connector;
use crate::migrate::{Event, Migrator, Up, latest_version, require_complete, require_none};
use crate::notifications::Notifications;
use crate::pool::{Class, Pool};
use crate::pull::PageLimits;
use crate::push::{Pusher, QueueLimits};
use crate::read::statement;
use crate::session::Session;
use crate::{OpenError, PostgresOptions};

/// Pushes of one batch at most.
const BATCH_PUSHES: usize = 512;

/// Maximum duration of a close. A statement may take longer, and so may a connection that is being opened; but
/// the connections of clients are closed by then.
const CLOSE: Duration = Duration::from_secs(10);

/// The first and the longest pause between two attempts to reach the database at the start.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// PostgreSQL storage adapter: one database.
///
/// Cheap to share behind an `Arc`. When it is dropped, pushes that have queued are finished in the background;
/// [`PostgresStorage::close`] does the same and waits for it.
pub struct PostgresStorage {
    pub(crate) pool: Arc<Pool>,
    pub(crate) pusher: Pusher,
    pub(crate) pages: PageLimits,
    pub(crate) quotas: Quotas,
    options: PostgresOptions,
}

/// Rejects a database that cannot be served.
async fn require(db: &mut Session) -> Result<(), OpenError> {
    require_none(db).await?;
    require_complete(db).await?;
    Ok(())
}

impl PostgresStorage {
    /// Notifications of the same database, for other processes on it.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications::beside(&self.options, self.pool.watchdog())
    }

    /// Connects to the database, waiting for it if needed, migrates its schema unless that is disabled, and opens
    /// the first connections.
    ///
    /// # Errors
    /// See [`OpenError`]; when the database could not be reached, the last real reason.
    pub async fn open(options: PostgresOptions) -> Result<Self, OpenError> {
        let connector = Connector::new(&options);
        let mut first = reach(&connector, options.startup_wait).await?;
        let mut second = connector.connect().await?;
        connector.check_naming(&mut first, &mut second).await;
        drop(second.close().await);
        if first.is_outdated() {
            first = connector.connect().await?;
        }
        migrate(&options).await?;
        if let Err(error) = require(&mut first).await {
            if !first.is_outdated() {
                return Err(error);
            }
            // Another process has started at the same time behind the same proxy, and has named a statement of its own on the
            // backend of this session in the meantime. The statement did not run.
            first = connector.connect().await?;
            require(&mut first).await?;
        }
        let connections = options.max_connections.clamp(3, 500);
        let committers = committers(connections);
        let pool = Arc::new(Pool::new(connector.clone(), connections - committers, &options));
        pool.warm_up(first, options.min_connections.min(connections - committers)).await?;
        let batch = if options.batching { BATCH_PUSHES } else { 1 };
        let limits = QueueLimits { waiting: options.queue.max(1), batch };
        let quotas = options.quotas;
        let pusher = Pusher::start(&connector, &pool, committers, limits, quotas);
        let pages =
            PageLimits { rows: at_least_one(options.page_rows), bytes: at_least_one(options.page_bytes) };
        Ok(Self { pool, pusher, pages, quotas, options })
    }

    /// Removes the record of a complete restore jump, so that the next `after-restore` jumps again. For servers.
    ///
    /// # Errors
    /// Failures of the database only.
    pub async fn forget_jump(&self) -> Result<(), StorageError> {
        let deleted = statement!(self.pool, Class::Request, |db| {
            sqlx::query("DELETE FROM server_settings WHERE name = $1").bind(JUMP_SETTING).execute(db)
        });
        deleted.map(drop)
    }

    /// Registers the metrics of the adapter.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let help = "waits for a database connection";
        registry.family("db_pool_wait_seconds", help, ["class"], self.pool.waits());
        let help = "transactions repeated after they lost a race in the database";
        registry.family("storage_tx_retries_total", help, ["reason"], self.pool.retries().series());
    }

    /// Use of the connections. Those of the committers are not counted.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        self.pool.state()
    }

    /// Finishes what has queued or is running, rejects everything else as `Unavailable`, and ends the sessions.
    /// Another close does nothing. Sessions of a database that does not respond are abandoned after ten seconds: their
    /// outcomes stay unknown.
    pub async fn close(&self) {
        let closing = async {
            self.pusher.close().await;
            self.pool.close().await;
        };
        if timeout(CLOSE, closing).await.is_err() {
            tracing::warn!("database did not respond, its sessions were abandoned");
        }
    }
}

impl fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStorage").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Number of committers: about two batches at a time, so that one is executed while the other waits for the disk; more only
/// with many connections.
fn committers(connections: u32) -> u32 {
    (connections / 8).clamp(1, 4)
}

/// Opens the first connection, retrying with growing pauses while the database is unreachable.
async fn reach(connector: &Connector, startup_wait: Duration) -> Result<Session, OpenError> {
    let (deadline, (mut pause, longest)) = (Instant::now() + startup_wait, PAUSES);
    loop {
        match connector.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) if error.may_pass() && Instant::now() + pause <= deadline => {
                tracing::warn!(error = %less_sync_core::ErrorChain(&error), "failed to connect to the database, retrying");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
            }
            Err(error) => return Err(error),
        }
    }
}

async fn migrate(options: &PostgresOptions) -> Result<(), OpenError> {
    let url = options.migration_url.as_ref().unwrap_or(&options.url);
    let migrator = Migrator::new(url.clone()).with_connect_timeout(options.connect_timeout);
    if options.run_migrations {
        migrator.up(&Up::default(), &mut |event| log(&event)).await?;
        return Ok(());
    }
    match (migrator.version().await?, latest_version()) {
        (found, needed) if found < needed => Err(OpenError::SchemaBehind { found, needed }),
        _ => Ok(()),
    }
}

/// Logs what a migration has found. The migrator itself logs that it waits, and every migration once it is applied.
fn log(event: &Event) {
    match event {
        Event::Adopted(version) => {
            tracing::info!(version, "migration history of the first generation adopted");
        }
        Event::Drifted(drift) => tracing::warn!(%drift, "schema differs from its version"),
        Event::StrayFiles(files) => {
            tracing::warn!(shown = files.len(), "files without a record of their space found");
        }
        Event::Waiting | Event::Started(_) | Event::Applied(_) | Event::Reverted(_) | Event::Planned(_) => {}
    }
}

fn at_least_one(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1).max(1)
}
