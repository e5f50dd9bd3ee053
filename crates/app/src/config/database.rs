//! Database settings (operations §2.3).

use std::path::PathBuf;
use std::time::Duration;

use less_sync_storage::Quotas;
use less_sync_storage_postgres::PostgresOptions;
use less_sync_storage_postgres::migrate::{DatabaseUrl, InvalidDatabaseUrl};
use less_sync_storage_sqlite::SqliteOptions;

use super::reader::Reader;

const MIB: usize = 1024 * 1024;

/// Database adapter and its options, selected by the scheme of `DATABASE_URL`.
#[derive(Clone, Debug)]
pub enum DatabaseConfig {
    /// Embedded database file (`sqlite:`).
    Sqlite(SqliteOptions),
    /// Database server (`postgres:`, `postgresql:`).
    Postgres(Box<PostgresOptions>),
}

/// Parsed `DATABASE_URL`.
enum DatabaseAddress {
    File(PathBuf),
    Server(Box<DatabaseUrl>),
}

impl DatabaseConfig {
    /// Reads the settings of both adapters, whichever is selected, so that names of the other one count as known.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let address = address(reader);
        let defaults = SqliteOptions::new(PathBuf::new());
        let page_rows = reader.count("PULL_PAGE_ROWS", defaults.page_rows, 1..=10_000);
        let page_bytes = reader.size("PULL_PAGE_BYTES", defaults.page_bytes, 1024..=64 * MIB);
        let server = ServerSettings::read(reader);
        Some(match address? {
            DatabaseAddress::File(path) => {
                Self::Sqlite(SqliteOptions { path, page_rows, page_bytes, ..defaults })
            }
            DatabaseAddress::Server(url) => {
                let options = PostgresOptions { page_rows, page_bytes, ..PostgresOptions::new(*url) };
                Self::Postgres(Box::new(server.apply_to(options)))
            }
        })
    }

    /// The same adapter with these quotas of stored bytes.
    pub(super) fn with_quotas(mut self, quotas: Quotas) -> Self {
        match &mut self {
            Self::Sqlite(options) => options.quotas = quotas,
            Self::Postgres(options) => options.quotas = quotas,
        }
        self
    }
}

fn address(reader: &mut Reader<'_>) -> Option<DatabaseAddress> {
    let Some(url) = reader.text("DATABASE_URL") else {
        reader.problem("DATABASE_URL must be set");
        return None;
    };
    // The URL of a server may contain a password.
    reader.show("DATABASE_URL", "set");
    match url.split_once(':') {
        Some(("sqlite", path)) => file(reader, &url, path).map(DatabaseAddress::File),
        Some(("postgres" | "postgresql", _)) => {
            server(reader, "DATABASE_URL", &url).map(Box::new).map(DatabaseAddress::Server)
        }
        _ => {
            reader.problem(format!("DATABASE_URL has an {}", unsupported_scheme(&url)));
            None
        }
    }
}

/// Description of an address of another kind. Only the scheme is shown: what follows may contain a password, and so may a text
/// without a scheme.
pub(crate) fn unsupported_scheme(url: &str) -> String {
    let is_scheme =
        |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let scheme = url.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme);
    let shown = scheme.map(|scheme| format!(" {scheme}://")).unwrap_or_default();
    format!("unsupported database scheme{shown}: expected sqlite:PATH or postgres://USER@HOST/DATABASE")
}

fn file(reader: &mut Reader<'_>, url: &str, path: &str) -> Option<PathBuf> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        reader.problem("invalid DATABASE_URL: expected sqlite: and the path of a file");
        return None;
    }
    reader.show("DATABASE_URL", url);
    Some(PathBuf::from(path))
}

fn server(reader: &mut Reader<'_>, name: &'static str, url: &str) -> Option<DatabaseUrl> {
    match url.parse() {
        Ok(url) => Some(url),
        // The source of this one could quote a password.
        Err(InvalidDatabaseUrl::Scheme | InvalidDatabaseUrl::Malformed(_)) => {
            reader.problem(format!("invalid {name}: expected postgres://USER:PASSWORD@HOST/DATABASE"));
            None
        }
        Err(unsupported @ (InvalidDatabaseUrl::SeveralHosts | InvalidDatabaseUrl::Parameter(_))) => {
            reader.problem(format!("invalid {name}: {unsupported}"));
            None
        }
    }
}

/// Settings of the PostgreSQL adapter.
struct ServerSettings {
    migration_url: Option<DatabaseUrl>,
    run_migrations: bool,
    max_connections: u32,
    min_connections: u32,
    acquire_timeout: Duration,
    connect_timeout: Duration,
    startup_wait: Duration,
    statement_timeout: Duration,
    lock_timeout: Duration,
    statement_cache: usize,
    batching: bool,
}

impl ServerSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let millis = |reader: &mut Reader<'_>, name, default, least| {
            Duration::from_millis(reader.count::<u64>(name, default, least..=3_600_000))
        };
        let migration_url = reader.text("DATABASE_MIGRATION_URL");
        if migration_url.is_some() {
            reader.show("DATABASE_MIGRATION_URL", "set");
        }
        let max_connections = reader.count("DATABASE_MAX_CONNECTIONS", 20, 3..=500);
        Self {
            migration_url: migration_url.and_then(|url| server(reader, "DATABASE_MIGRATION_URL", &url)),
            run_migrations: reader.switch("RUN_MIGRATIONS", true),
            max_connections,
            min_connections: reader.count("DATABASE_MIN_CONNECTIONS", 2, 0..=max_connections.max(2)),
            acquire_timeout: millis(reader, "DATABASE_ACQUIRE_TIMEOUT_MS", 5000, 1),
            connect_timeout: millis(reader, "DATABASE_CONNECT_TIMEOUT_MS", 5000, 1),
            startup_wait: reader.duration(
                "DATABASE_STARTUP_WAIT",
                Duration::from_mins(1),
                Duration::ZERO..=Duration::from_hours(1),
            ),
            statement_timeout: millis(reader, "DATABASE_STATEMENT_TIMEOUT_MS", 30_000, 0),
            lock_timeout: millis(reader, "DATABASE_LOCK_TIMEOUT_MS", 5000, 0),
            statement_cache: reader.count("DATABASE_STATEMENT_CACHE", 256, 0..=10_000),
            batching: holds_all_spaces(reader),
        }
    }

    fn apply_to(self, options: PostgresOptions) -> PostgresOptions {
        PostgresOptions {
            migration_url: self.migration_url,
            run_migrations: self.run_migrations,
            max_connections: self.max_connections,
            min_connections: self.min_connections,
            acquire_timeout: self.acquire_timeout,
            connect_timeout: self.connect_timeout,
            startup_wait: self.startup_wait,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
            statement_cache: self.statement_cache,
            batching: self.batching,
            ..options
        }
    }
}

/// True if one database node holds all spaces, so that pushes to several spaces may share a transaction (storage T3, §9).
fn holds_all_spaces(reader: &mut Reader<'_>) -> bool {
    let dialect = reader.text("DATABASE_DIALECT");
    reader.show("DATABASE_DIALECT", dialect.as_deref().unwrap_or("auto"));
    match dialect.as_deref() {
        None | Some("auto" | "postgres") => true,
        Some("citus" | "cockroach" | "yugabyte") => false,
        Some(other) => {
            reader.problem(format!(
                "invalid DATABASE_DIALECT value \"{other}\": expected auto, postgres, citus, cockroach or yugabyte"
            ));
            true
        }
    }
}
