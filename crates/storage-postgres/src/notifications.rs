//! Notifications between the programs that use one database (`NOTIFY`), over connections of their own.
//!
//! Not part of the storage contract: a transport between processes that share the database. Never used inside the transaction
//! of a push: a notification takes a lock of the whole database at the commit.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Executor as _, Row as _};
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use crate::connector::Connector;
use crate::driver_failure::DriverFailure;
use crate::session::{Session, Watchdog};
use crate::{OpenError, PostgresOptions};

/// Channel of the notifications, as an expression: deployments that share a database, each in a schema of its own, have one each.
const CHANNEL: &str = "SELECT 'less_sync_bus_' || \
    substr(encode(sha256(convert_to(coalesce(current_schema(), ''), 'UTF8')), 'hex'), 1, 16)";

/// Sends a notification on the channel of the schema.
const NOTIFY: &str = "SELECT pg_notify('less_sync_bus_' || \
    substr(encode(sha256(convert_to(coalesce(current_schema(), ''), 'UTF8')), 'hex'), 1, 16), $1)";

/// Maximum duration of a notification, and of the beginning to listen.
const LIMIT: Duration = Duration::from_secs(3);

/// Failure of a notification.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// No connection could be opened.
    #[error("cannot connect for notifications")]
    Connect(#[from] OpenError),
    /// The statement failed, or the connection has ended.
    #[error("notification failed")]
    Failed(#[source] DriverFailure),
    /// A proxy lets sessions share backends: what listens must keep its own.
    #[error("a proxy pools transactions: set DATABASE_MIGRATION_URL to the address of the database itself")]
    Pooled,
    /// The database did not respond in time.
    #[error("database did not respond to a notification within {} s", .0.as_secs())]
    Timeout(Duration),
}

impl From<sqlx::Error> for NotificationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Sender and receiver of notifications: one connection each, opened by the first use and after a failure.
///
/// Both bypass poolers (`DATABASE_MIGRATION_URL`): a session that listens has to keep its connection.
pub struct Notifications {
    connector: Connector,
    listeners: PgPool,
    sender: Mutex<Option<Session>>,
    listener: Mutex<Option<PgListener>>,
    /// Interrupts the waiting receiver.
    interrupt: Notify,
    /// Observer of the sessions that take the same way to the database; `None` if notifications have a direct one.
    neighbours: Option<Watchdog>,
}

impl Notifications {
    /// Notifications of the database and schema of `options`.
    #[must_use]
    pub fn new(options: &PostgresOptions) -> Self {
        let direct = options.migration_url.clone().unwrap_or_else(|| options.url.clone());
        let listener = direct.options().clone().application_name("less-sync bus");
        let listeners = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(options.connect_timeout)
            .connect_lazy_with(listener.statement_cache_capacity(0).disable_statement_logging());
        // No names of statements: without a direct address both pass the pooler, whose backends other sessions share.
        let options =
            PostgresOptions { url: direct, migration_url: None, statement_cache: 0, ..options.clone() };
        Self {
            connector: Connector::new(&options),
            listeners,
            sender: Mutex::default(),
            listener: Mutex::default(),
            interrupt: Notify::new(),
            neighbours: None,
        }
    }

    /// The same, beside sessions whose backends `watchdog` observes.
    pub(crate) fn beside(options: &PostgresOptions, watchdog: &Watchdog) -> Self {
        let neighbours = options.migration_url.is_none().then(|| watchdog.clone());
        Self { neighbours, ..Self::new(options) }
    }

    /// Rejects connections through a proxy that pools transactions: it would end a backend that gets a notification, in the
    /// middle of the work of another session.
    fn require_direct(&self) -> Result<(), NotificationError> {
        let is_pooled = self.neighbours.as_ref().is_some_and(Watchdog::is_pooled);
        if is_pooled { Err(NotificationError::Pooled) } else { Ok(()) }
    }

    /// Sends a notification of at most 7999 bytes.
    ///
    /// # Errors
    /// [`NotificationError`]: it is unknown whether the notification was sent. The next call opens a new connection.
    pub async fn notify(&self, payload: &str) -> Result<(), NotificationError> {
        self.require_direct()?;
        let mut sender = self.sender.lock().await;
        // Taken out: a call that fails or is dropped leaves no connection in an unknown state.
        let mut session = match sender.take() {
            Some(session) => session,
            None => self.connector.connect().await?,
        };
        let sent = sqlx::query(NOTIFY).bind(payload);
        timeout(LIMIT, session.execute(sent))
            .await
            .map_err(|_elapsed| NotificationError::Timeout(LIMIT))??;
        *sender = Some(session);
        Ok(())
    }

    /// Waits for a notification of any program, this one included. Cancel-safe.
    ///
    /// # Errors
    /// [`NotificationError`]: notifications may be lost. The next call opens a new connection.
    pub async fn receive(&self) -> Result<String, NotificationError> {
        self.require_direct()?;
        let mut listener = self.listener.lock().await;
        if listener.is_none() {
            let opened = timeout(LIMIT, self.listen()).await;
            *listener = Some(opened.map_err(|_elapsed| NotificationError::Timeout(LIMIT))??);
        }
        let Some(open) = listener.as_mut() else { return Err(NotificationError::Timeout(LIMIT)) };
        let received = tokio::select! {
            received = open.try_recv() => received,
            () = self.interrupt.notified() => Ok(None),
        };
        if let Ok(Some(notification)) = received {
            return Ok(notification.payload().to_owned());
        }
        *listener = None;
        let ended = || sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        Err(received.err().unwrap_or_else(ended).into())
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.listeners).await?;
        listener.eager_reconnect(false);
        let channel: String = listener.fetch_one(sqlx::raw_sql(CHANNEL)).await?.try_get(0)?;
        listener.listen(&channel).await?;
        Ok(listener)
    }

    /// Drops the connections; the next calls open new ones. For connections that are silent, and do not say so.
    pub fn reset(&self) {
        // A notification in progress ends within its limit, and then leaves no connection if it was silent.
        if let Ok(mut sender) = self.sender.try_lock() {
            *sender = None;
        }
        self.interrupt.notify_one();
    }
}

impl std::fmt::Debug for Notifications {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifications").finish_non_exhaustive()
    }
}
