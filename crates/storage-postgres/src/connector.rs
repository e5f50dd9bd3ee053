//! Connections: opening, session settings, and checks of idle ones.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, timeout_at};

use crate::session::{Session, Statements, Watchdog};
use crate::{OpenError, PostgresOptions};

/// Minimum supported version of PostgreSQL (operations §11.3).
const OLDEST_SERVER: u32 = 15;

/// Idle time after which a connection is pinged before it is used. A restarting server or a firewall may end a connection
/// unnoticed, and the outcome of a push that was sent over a broken connection is unknown. A round trip now and then is
/// cheaper than such a push.
const TRUSTED: Duration = Duration::from_secs(1);

/// Time that the client waits for a statement longer than the server allows it.
const RESPONSE: Duration = Duration::from_secs(1);

/// Opens connections with the session settings of the adapter.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    options: PgConnectOptions,
    settings: String,
    connect_timeout: Duration,
    /// Maximum duration of a statement as the client sees it; `None`: unlimited.
    statement_limit: Option<Duration>,
    statements: Statements,
    watchdog: Watchdog,
}

impl Connector {
    pub(crate) fn new(options: &PostgresOptions) -> Self {
        let direct = options.migration_url.as_ref().unwrap_or(&options.url);
        let limited = Some(options.statement_timeout).filter(|limit| !limit.is_zero());
        Self {
            options: options
                .url
                .options()
                .clone()
                .application_name("less-sync")
                .statement_cache_capacity(options.statement_cache)
                .disable_statement_logging(),
            settings: settings(options),
            connect_timeout: options.connect_timeout,
            statement_limit: limited.map(|limit| limit + RESPONSE),
            statements: if options.statement_cache == 0 { Statements::Unnamed } else { Statements::Named },
            watchdog: Watchdog::new(direct.options()),
        }
    }

    /// Opens a connection with the session settings.
    pub(crate) async fn connect(&self) -> Result<Session, OpenError> {
        self.connect_until(Instant::now() + self.connect_timeout).await
    }

    /// Opens a connection as [`Connector::connect`] does, until `deadline` at the latest.
    pub(crate) async fn connect_until(&self, deadline: Instant) -> Result<Session, OpenError> {
        let begun = Instant::now();
        let deadline = deadline.min(begun + self.connect_timeout);
        let (options, settings) = (&self.options, &self.settings);
        let opening = Session::open(options, settings, self.statement_limit, self.statements, &self.watchdog);
        let opened = timeout_at(deadline, opening).await;
        recent(opened.map_err(|_| OpenError::ConnectTimeout(deadline - begun))?.map_err(OpenError::Connect)?)
    }

    /// Closes what the connections share.
    pub(crate) async fn close(&self) {
        self.watchdog.close().await;
    }
}

/// Idle connection.
#[derive(Debug)]
pub(crate) struct IdleConnection {
    connection: Session,
    since: Instant,
}

impl IdleConnection {
    pub(crate) fn new(connection: Session) -> Self {
        Self { connection, since: Instant::now() }
    }

    /// Idle time.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Returns the connection unless it turns out to be broken. It is pinged when it has been idle for longer than
    /// [`TRUSTED`].
    pub(crate) async fn check(mut self) -> Option<Session> {
        let sound = self.age() < TRUSTED || self.connection.ping().await.is_ok();
        sound.then_some(self.connection)
    }

    /// Closes the session.
    pub(crate) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "failed to close an idle connection");
        }
    }
}

/// Session settings (storage §3.3, T1 and T8), as one statement: a proxy may reject them in the start-up message.
///
/// Sequential and bitmap scans are off: every statement reads an index in its order, and a plan that was cached while the
/// tables were nearly empty must still be good when they are full.
fn settings(options: &PostgresOptions) -> String {
    format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = 60000; \
         SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
         SET timezone = 'UTC'; SET standard_conforming_strings = on; \
         SET default_transaction_isolation = 'read committed'; \
         SET enable_seqscan = off; SET enable_bitmapscan = off",
        millis(options.statement_timeout),
        millis(options.lock_timeout),
    )
}

/// As PostgreSQL takes it.
fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn recent(connection: Session) -> Result<Session, OpenError> {
    let version = connection.server_version() / 10_000;
    if version < OLDEST_SERVER {
        return Err(OpenError::ServerTooOld { found: version, needed: OLDEST_SERVER });
    }
    Ok(connection)
}
