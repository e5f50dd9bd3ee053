//! Connections: opening, session settings, and checks of idle ones.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};
use tokio::time::{Instant, timeout};

use crate::{OpenError, PostgresOptions};

/// Minimum supported version of PostgreSQL (operations §11.3).
const OLDEST_SERVER: u32 = 15;

/// Idle time after which a connection is pinged before it is used. A restarting server or a firewall may end a connection
/// unnoticed, and the outcome of a push that was sent over a broken connection is unknown. A round trip now and then is
/// cheaper than such a push.
const TRUSTED: Duration = Duration::from_secs(1);

/// Opens connections with the session settings of the adapter.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    options: PgConnectOptions,
    settings: String,
    connect_timeout: Duration,
}

impl Connector {
    pub(crate) fn new(options: &PostgresOptions) -> Self {
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
        }
    }

    /// Opens a connection with the session settings.
    pub(crate) async fn connect(&self) -> Result<PgConnection, OpenError> {
        let connecting = async {
            let mut connection = self.options.connect().await?;
            connection.execute(sqlx::raw_sql(AssertSqlSafe(self.settings.clone()))).await?;
            Ok(connection)
        };
        let connected = timeout(self.connect_timeout, connecting).await;
        let connection = connected.map_err(|_| OpenError::ConnectTimeout(self.connect_timeout))?;
        recent(connection.map_err(OpenError::Connect)?)
    }
}

/// Idle connection.
#[derive(Debug)]
pub(crate) struct IdleConnection {
    connection: PgConnection,
    since: Instant,
}

impl IdleConnection {
    pub(crate) fn new(connection: PgConnection) -> Self {
        Self { connection, since: Instant::now() }
    }

    /// Idle time.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Returns the connection unless it turns out to be broken. It is pinged when it has been idle for longer than
    /// [`TRUSTED`].
    pub(crate) async fn check(mut self) -> Option<PgConnection> {
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

fn recent(connection: PgConnection) -> Result<PgConnection, OpenError> {
    let version = connection.server_version_num().unwrap_or(0) / 10_000;
    if version < OLDEST_SERVER {
        return Err(OpenError::ServerTooOld { found: version, needed: OLDEST_SERVER });
    }
    Ok(connection)
}
