//! Connections: opening, session settings, and checks of idle ones.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, timeout};

use crate::driver_failure::DriverText;
use crate::migrate::DatabaseUrl;
use crate::session::{Naming, Session, Statements, Watchdog};
use crate::sqlstate::{ends_session, rejects_startup_parameter};
use crate::{OpenError, PostgresOptions};

/// Minimum supported version of PostgreSQL (operations §11.3).
const OLDEST_SERVER: u32 = 15;

/// Time that the client waits for a statement longer than the server allows it.
const RESPONSE: Duration = Duration::from_secs(1);

/// Opens connections with the session settings of the adapter.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    address: DatabaseUrl,
    settings: String,
    connect_timeout: Duration,
    /// Maximum duration of a statement as the client sees it; `None`: unlimited.
    statement_limit: Option<Duration>,
    /// See [`PostgresOptions::trusted_idle`].
    trusted_idle: Duration,
    naming: Naming,
    watchdog: Watchdog,
}

impl Connector {
    pub(crate) fn new(options: &PostgresOptions) -> Self {
        let direct = options.migration_url.as_ref().unwrap_or(&options.url);
        let statements = if options.statement_cache == 0 { Statements::Unnamed } else { Statements::Named };
        let limited = Some(options.statement_timeout).filter(|limit| !limit.is_zero());
        Self {
            address: options.url.clone().adapt(|url| {
                url.application_name("less-sync")
                    .statement_cache_capacity(options.statement_cache)
                    .disable_statement_logging()
            }),
            settings: settings(options),
            connect_timeout: options.connect_timeout,
            statement_limit: limited.map(|limit| limit + RESPONSE),
            trusted_idle: options.trusted_idle,
            naming: Naming::new(statements),
            watchdog: Watchdog::new(direct.options()),
        }
    }

    /// Opens a connection with the session settings.
    pub(crate) async fn connect(&self) -> Result<Session, OpenError> {
        self.connect_within(self.connect_timeout).await
    }

    /// Opens a connection as [`Connector::connect`] does, until `deadline` at the latest.
    pub(crate) async fn connect_until(&self, deadline: Instant) -> Result<Session, OpenError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.connect_within(left.min(self.connect_timeout)).await
    }

    async fn connect_within(&self, limit: Duration) -> Result<Session, OpenError> {
        let opened = timeout(limit, async {
            match self.open().await {
                // An administrator who ends all sessions ends those that are just being opened too.
                Err(error) if ends_session(&error) => self.open().await,
                opened => opened,
            }
        })
        .await;
        recent(
            opened
                .map_err(|_| OpenError::ConnectTimeout(limit))?
                .map_err(|error| OpenError::Connect(error.into()))?,
        )
    }

    /// Opens a session. If a proxy rejects the parameters of the address, the session applies them itself.
    async fn open(&self) -> Result<Session, sqlx::Error> {
        let open = async |options: &PgConnectOptions, settings: &str| {
            Session::open(options, settings, self.statement_limit, &self.naming, &self.watchdog).await
        };
        match (open(self.address.options(), &self.settings).await, self.address.without_parameters()) {
            (Err(error), Some((options, parameters))) if rejects_startup_parameter(&error) => {
                tracing::debug!(error = %DriverText(&error), "database proxy rejected start-up parameters, setting them in the session");
                open(options, &format!("{}; {parameters}", self.settings)).await
            }
            (opened, _) => opened,
        }
    }

    /// Changes to unnamed statements if a proxy lets the sessions share backends, and does not keep the names of their
    /// prepared statements apart. Both sessions are fresh.
    pub(crate) async fn check_naming(&self, first: &mut Session, second: &mut Session) {
        if !self.watchdog.is_pooled() {
            self.naming.expect_own_backends();
        } else if self.naming.statements() == Statements::Named && !keeps_names_apart(first, second).await {
            self.naming.give_up();
        }
    }

    /// Returns the session of an idle connection unless it turns out to be broken. It is pinged when it has been idle for longer
    /// than [`PostgresOptions::trusted_idle`].
    pub(crate) async fn check(&self, idle: IdleConnection) -> Option<Session> {
        let age = idle.age();
        let mut session = idle.connection;
        let is_sound = !session.is_outdated() && (age < self.trusted_idle || session.ping().await.is_ok());
        is_sound.then_some(session)
    }

    /// Observer of the backends of the connections.
    pub(crate) fn watchdog(&self) -> &Watchdog {
        &self.watchdog
    }

    /// Closes what the connections share.
    pub(crate) async fn close(&self) {
        self.watchdog.close().await;
    }
}

/// True if both sessions, under the same names, have had different statements on the same backend.
async fn keeps_names_apart(first: &mut Session, second: &mut Session) -> bool {
    const ATTEMPTS: u32 = 20;
    for _ in 0..ATTEMPTS {
        let one = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid() + 0 * $1").bind(1_i32);
        let other = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid() - 0 * $1").bind(1_i32);
        match (one.fetch_one(&mut *first).await, other.fetch_one(&mut *second).await) {
            (Ok(one), Ok(other)) if one == other => return true,
            (Ok(_), Ok(_)) => {}
            _ => return false,
        }
    }
    false
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

    /// Closes the session.
    pub(crate) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(error = %DriverText(&error), "failed to close an idle connection");
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
