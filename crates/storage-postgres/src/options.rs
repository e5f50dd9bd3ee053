//! Options of the PostgreSQL adapter.

use std::time::Duration;

use less_sync_storage::Quotas;

use crate::migrate::DatabaseUrl;

/// Addresses, timeouts and limits of the adapter (operations §2.3).
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// The database (`DATABASE_URL`).
    pub url: DatabaseUrl,
    /// Another way to it for migrations, which need a session of their own (`DATABASE_MIGRATION_URL`). `None`: `url`.
    pub migration_url: Option<DatabaseUrl>,
    /// Migrate the schema when opening (`RUN_MIGRATIONS`). Default: true.
    pub run_migrations: bool,
    /// Connections at most, 3 to 500 (`DATABASE_MAX_CONNECTIONS`).
    pub max_connections: u32,
    /// Connections that are opened at the start and kept (`DATABASE_MIN_CONNECTIONS`).
    pub min_connections: u32,
    /// Maximum wait of an operation for a connection (`DATABASE_ACQUIRE_TIMEOUT_MS`). Default: 5 s.
    pub acquire_timeout: Duration,
    /// Maximum duration of one connection attempt (`DATABASE_CONNECT_TIMEOUT_MS`). Default: 5 s.
    pub connect_timeout: Duration,
    /// Maximum time of retries while the database is unreachable at the start (`DATABASE_STARTUP_WAIT`). Default: 60 s.
    pub startup_wait: Duration,
    /// Idle time after which a connection is pinged before it is used. Default: 1 s. A restarting server or a firewall may end a
    /// connection unnoticed, and the outcome of a push that was sent over a broken connection is unknown. A round trip now and
    /// then is cheaper than such a push.
    pub trusted_idle: Duration,
    /// Maximum duration of one statement (`DATABASE_STATEMENT_TIMEOUT_MS`); zero: unlimited. Default: 30 s.
    pub statement_timeout: Duration,
    /// Maximum wait of a statement for a lock (`DATABASE_LOCK_TIMEOUT_MS`); zero: unlimited. Default: 5 s.
    pub lock_timeout: Duration,
    /// Prepared statements kept per connection (`DATABASE_STATEMENT_CACHE`); zero behind proxies that pool transactions.
    pub statement_cache: usize,
    /// Rows of one page of a pull (`PULL_PAGE_ROWS`).
    pub page_rows: usize,
    /// Blob bytes after which a page of a pull ends (`PULL_PAGE_BYTES`); its last row may exceed them.
    pub page_bytes: usize,
    /// Pushes that may wait for their turn; further ones are rejected as `Unavailable`.
    pub queue: usize,
    /// Let pushes that wait at the same time share a transaction. Off where spaces are distributed over several
    /// machines (storage §9.1, T3).
    pub batching: bool,
    /// Quotas of stored bytes (`MAX_SPACE_BYTES`, `MAX_USER_BYTES`). Default: unlimited.
    pub quotas: Quotas,
}

impl PostgresOptions {
    /// The defaults, for the database at `url`.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            migration_url: None,
            run_migrations: true,
            max_connections: 20,
            min_connections: 2,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            startup_wait: Duration::from_mins(1),
            trusted_idle: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            statement_cache: 256,
            page_rows: 512,
            page_bytes: 512 * 1024,
            queue: 8192,
            batching: true,
            quotas: Quotas::default(),
        }
    }
}
