//! Watchdog of running statements: detects connections on which the database has gone silent.
//!
//! A firewall that forgets a connection, or a failover, leaves a connection on which nothing arrives and nothing fails.
//! The driver sets no socket options, so a slow statement and a dead connection look alike. After [`SUSPECT`] without a
//! response, a second connection looks up what the backend of the session does: a backend at work is waited for until
//! the deadline of the statement; one that has nothing to do has answered, or was never asked, and its connection is dead.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

/// Time without a response after which the backend is looked up, and interval of further look-ups.
const SUSPECT: Duration = Duration::from_millis(750);
/// Further wait for the response of a backend that has nothing to do: the response may be on its way.
const GRACE: Duration = Duration::from_millis(500);
/// Maximum duration of a look-up on a connection that was used before, which may be dead too.
const LOOK_UP: Duration = Duration::from_millis(300);
/// Maximum duration of a look-up on a connection that is opened for it.
const FRESH_LOOK_UP: Duration = Duration::from_secs(3);
/// Least rate of uploads, in bytes per millisecond. The backend has nothing to do while a statement is being uploaded.
const UPLOAD_PER_MILLI: usize = 1024;

/// Error of a session that gave no response in time.
pub(super) fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database did not respond in time"))
}

/// Server process of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backend {
    pub(super) pid: i32,
    /// Start of the process, in microseconds of Unix time: process ids are reused.
    pub(super) started: i64,
}

/// Observer of backends, shared by the sessions of a store.
#[derive(Clone, Debug)]
pub(crate) struct Watchdog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: PgConnectOptions,
    connection: Mutex<Option<PgConnection>>,
    /// True if several sessions use one backend, so that what it does says nothing about a session.
    pooled: AtomicBool,
}

impl Watchdog {
    /// A watchdog that looks backends up at `options`. Does not connect yet.
    pub(crate) fn new(options: &PgConnectOptions) -> Self {
        let options = options.clone().application_name("less-sync-watchdog");
        Self(Arc::new(Shared { options, connection: Mutex::default(), pooled: AtomicBool::new(false) }))
    }

    /// Records that a proxy lets sessions share backends: from now on statements end at their deadline only.
    pub(super) fn distrust_backends(&self) {
        if !self.0.pooled.swap(true, Ordering::Relaxed) {
            tracing::info!("database sessions share backends: a proxy pools transactions");
        }
    }

    /// True if a proxy lets sessions share backends.
    pub(crate) fn is_pooled(&self) -> bool {
        self.0.pooled.load(Ordering::Relaxed)
    }

    /// Closes the connection of the watchdog. The next look-up opens one again.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.0.connection.lock().await.take() {
            drop(timeout(LOOK_UP, connection.close()).await);
        }
    }

    /// True if the backend is known to have nothing to do, or to have ended.
    async fn is_idle(&self, backend: Backend) -> bool {
        let Backend { pid, started } = backend;
        let row = self.ask(format!(
            "SELECT CASE count(*) WHEN 0 THEN 'ended' ELSE coalesce(max(state), 'unknown') END \
             FROM pg_stat_get_activity({pid}) \
             WHERE (extract(epoch FROM backend_start) * 1000000)::bigint = {started} OR backend_start IS NULL"
        ));
        let state: Option<String> = row.await.and_then(|row| row.try_get(0).ok());
        state.is_some_and(|state| state.starts_with("idle") || state == "ended")
    }

    /// Ends the backend of a dead connection: it may hold locks, and a statement that arrives late must not run.
    async fn terminate(&self, backend: Backend) {
        let Backend { pid, started } = backend;
        let terminated = self.ask(format!(
            "SELECT pg_terminate_backend({pid}) FROM pg_stat_get_activity({pid}) \
             WHERE (extract(epoch FROM backend_start) * 1000000)::bigint = {started}"
        ));
        let ended = terminated.await.is_some();
        tracing::warn!(ended, "database connection gave no response and was discarded");
    }

    /// The first row of a query; `None` if the database cannot be asked.
    async fn ask(&self, sql: String) -> Option<PgRow> {
        let mut kept = self.0.connection.lock().await;
        if let Some(mut connection) = kept.take()
            && let Ok(Ok(row)) = timeout(LOOK_UP, fetch(&mut connection, sql.clone())).await
        {
            *kept = Some(connection);
            return row;
        }
        let fresh = async {
            let mut connection = self.0.options.connect().await?;
            let row = fetch(&mut connection, sql).await?;
            Ok::<_, sqlx::Error>((connection, row))
        };
        let (connection, row) = timeout(FRESH_LOOK_UP, fresh).await.ok()?.ok()?;
        *kept = Some(connection);
        row
    }
}

async fn fetch(connection: &mut PgConnection, sql: String) -> Result<Option<PgRow>, sqlx::Error> {
    connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(sql))).await
}

/// Bounds the statements of one session.
#[derive(Debug)]
pub(super) struct Deadline {
    /// Maximum duration of a statement; `None`: as long as its backend works.
    limit: Option<Duration>,
    watchdog: Watchdog,
    backend: Backend,
    /// Allowance for the upload of the next statement.
    upload: Duration,
}

impl Deadline {
    pub(super) fn new(limit: Option<Duration>, watchdog: Watchdog, backend: Backend) -> Self {
        Self { limit, watchdog, backend, upload: Duration::ZERO }
    }

    /// Allows for the upload of `bytes` bytes by the next statement.
    pub(super) fn expect_upload(&mut self, bytes: usize) {
        self.upload = Duration::from_millis(u64::try_from(bytes / UPLOAD_PER_MILLI).unwrap_or(u64::MAX));
    }

    /// Output of the statement; [`silent`] at its deadline, or as soon as its connection is known to be dead.
    pub(super) async fn bound<T>(
        &mut self,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let mut statement = pin!(statement);
        let (begun, upload) = (Instant::now(), std::mem::take(&mut self.upload));
        let end = self.limit.map(|limit| begun + limit + upload);
        let mut suspect = begun + SUSPECT + upload;
        loop {
            tokio::select! {
                biased;
                outcome = &mut statement => return outcome,
                () = sleep_until(end.map_or(suspect, |end| end.min(suspect))) => {}
            }
            if end.is_some_and(|end| end <= Instant::now()) {
                return Err(silent());
            }
            let idle = tokio::select! {
                biased;
                outcome = &mut statement => return outcome,
                idle = self.is_idle() => idle,
            };
            if idle {
                if let Ok(outcome) = timeout(GRACE, &mut statement).await {
                    return outcome;
                }
                self.watchdog.terminate(self.backend).await;
                return Err(silent());
            }
            suspect = Instant::now() + SUSPECT;
        }
    }

    /// True if the backend is known to have nothing to do.
    async fn is_idle(&self) -> bool {
        !self.watchdog.is_pooled()
            && timeout(FRESH_LOOK_UP, self.watchdog.is_idle(self.backend)).await.unwrap_or(false)
    }
}
