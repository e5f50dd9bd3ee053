//! Public API of the migrator.

use std::time::Duration;

use less_sync_core::SpaceId;
use less_sync_storage::{JumpOutcome, JumpProgress, JumpRequest, Verified, VerifyReport};

use super::connection::Opened;
use super::down::{self, Down};
use super::lock::Extent;
use super::maintenance::Maintenance;
use super::run::{Event, Listener};
use super::snapshot::Snapshot;
use super::status::{self, Status};
use super::up::{self, Up};
use super::{DatabaseUrl, MigrateError, adopt, catalog, connection, history, jump, lock, restore, verify};
use crate::driver_failure::DriverText;
use crate::session::Session;

/// Default lock timeout (storage §2.3).
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);

/// Default connect timeout (operations §2.3).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Migrates one database.
///
/// Every call opens a connection of its own and closes it, however it ends; a future that is dropped closes it too.
/// The address must lead to the database itself: through a pooler that hands out connections by transaction the lock
/// does not hold.
#[derive(Clone, Debug)]
pub struct Migrator {
    url: DatabaseUrl,
    lock_timeout: Duration,
    connect_timeout: Duration,
}

impl Migrator {
    /// A migrator for the database at `url`. Does not connect yet.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url, lock_timeout: LOCK_TIMEOUT, connect_timeout: CONNECT_TIMEOUT }
    }

    /// Sets the maximum wait for the lock of another migrator. Default: 60 s.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets the maximum duration of a connection attempt. Default: 5 s.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Applies the pending migrations and returns the resulting version. Reports each step when it is complete and
    /// recorded; idempotent.
    ///
    /// # Errors
    /// See [`MigrateError`]. Reported steps are complete.
    pub async fn up(&self, up: &Up, tell: &mut (dyn FnMut(Event) + Send)) -> Result<i64, MigrateError> {
        let mut locked = self.locked(tell).await?;
        let outcome = match restore::require_none(&mut locked.db).await {
            Ok(()) => up::run(&mut locked.db, up, tell).await,
            Err(error) => Err(error),
        };
        locked.close(outcome).await
    }

    /// Reverts applied migrations and returns the resulting version.
    ///
    /// # Errors
    /// See [`MigrateError`]; in particular [`MigrateError::LosesData`], before the first step is taken.
    pub async fn down(&self, down: &Down, tell: &mut (dyn FnMut(Event) + Send)) -> Result<i64, MigrateError> {
        let mut locked = self.locked(tell).await?;
        let outcome = down::run(&mut locked.db, down, tell).await;
        locked.close(outcome).await
    }

    /// Adopts the migration history of the first-generation server, without migrating further: rows 1–11
    /// are written, if the schema is that of version 11 (storage §2.3). Returns that version.
    ///
    /// # Errors
    /// See [`MigrateError`]; in particular [`MigrateError::NothingToAdopt`].
    pub async fn adopt(&self) -> Result<i64, MigrateError> {
        let mut locked = self.locked(&mut |_event| {}).await?;
        let outcome = adopt::run(&mut locked.db).await;
        locked.close(outcome).await
    }

    /// Raises every cursor of a restored database, spaces in ascending order, some of them per transaction (operations
    /// §12). Reports the progress after each transaction; a run that ends before continues with the next call.
    ///
    /// # Errors
    /// See [`MigrateError`]; in particular [`MigrateError::SchemaBehind`] and [`MigrateError::Jump`].
    pub async fn jump_cursors(
        &self,
        request: JumpRequest,
        tell: &mut (dyn FnMut(&JumpProgress) + Send),
    ) -> Result<JumpOutcome, MigrateError> {
        let mut locked = self.locked(&mut |_event| {}).await?;
        let outcome = match restore::is_marked(&mut locked.db).await {
            Ok(true) => restore::complete(&mut locked.db, request, tell).await,
            Ok(false) => jump::run(&mut locked.db, request, tell).await,
            Err(error) => Err(error.into()),
        };
        locked.close(outcome).await
    }

    /// Address of the database.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Runs `work` with an exported snapshot, which is open until `work` ends. Takes no lock.
    ///
    /// # Errors
    /// See [`MigrateError`]; in particular [`MigrateError::Empty`] and [`MigrateError::UnfinishedRestore`].
    pub async fn with_snapshot<T>(
        &self,
        work: impl AsyncFnOnce(&mut Snapshot<'_>) -> T,
    ) -> Result<T, MigrateError> {
        let mut db = self.open().await?;
        let outcome = match Snapshot::take(&mut db).await {
            Ok(mut snapshot) => Ok(work(&mut snapshot).await),
            Err(error) => Err(error),
        };
        close(db, outcome).await
    }

    /// Runs `work` on the database under the lock. The schema must be that of this build.
    ///
    /// # Errors
    /// See [`MigrateError`]; in particular [`MigrateError::SchemaBehind`].
    pub async fn maintain<T>(
        &self,
        work: impl AsyncFnOnce(&mut Maintenance<'_>) -> T,
    ) -> Result<T, MigrateError> {
        let mut locked = self.locked(&mut |_event| {}).await?;
        let outcome = match jump::require_current(&mut locked.db).await {
            Ok(()) => Ok(work(&mut Maintenance::new(&mut locked.db)).await),
            Err(error) => Err(error),
        };
        locked.close(outcome).await
    }

    /// Checks the invariants of every space from `from` on, in ascending order of ids, and those of the whole database, and
    /// changes nothing. A server may write meanwhile. Takes no lock.
    ///
    /// # Errors
    /// See [`MigrateError`]; in particular [`MigrateError::SchemaBehind`].
    pub async fn verify(
        &self,
        from: Option<SpaceId>,
        report: &mut dyn VerifyReport,
    ) -> Result<Verified, MigrateError> {
        let mut db = self.open().await?;
        let outcome = verify::run(&mut db, from, report).await;
        close(db, outcome).await
    }

    /// Rejects a database that holds anything. Takes no lock.
    ///
    /// # Errors
    /// [`MigrateError::NotEmpty`]; the database is unreachable.
    pub async fn require_empty(&self) -> Result<u32, MigrateError> {
        let mut db = self.open().await?;
        let server = db.server_version() / 10_000;
        let outcome = restore::require_empty(&mut db).await.map(|()| server);
        close(db, outcome).await
    }

    /// Restores into an empty database: `load` fills it in one transaction of its own, then the schema is migrated to that
    /// of this build and all cursors are raised. No server starts on the database until all of that is done; if it is
    /// interrupted after `load`, [`Migrator::jump_cursors`] completes it.
    ///
    /// # Errors
    /// Errors of `load`, which must then have left the database empty, and [`MigrateError`].
    pub async fn restore<E: From<MigrateError>>(
        &self,
        load: impl AsyncFnOnce() -> Result<(), E>,
        tell: &mut (dyn FnMut(&JumpProgress) + Send),
    ) -> Result<JumpOutcome, E> {
        let mut locked = self.locked(&mut |_event| {}).await?;
        let outcome = restored(&mut locked.db, load, tell).await;
        match outcome {
            Ok(outcome) => Ok(locked.close(outcome).await?),
            Err(error) => {
                drop(locked.close(Ok(())).await);
                Err(error)
            }
        }
    }

    /// Reads the status of the schema. Takes no lock.
    ///
    /// # Errors
    /// The database is unreachable. Faults of the schema are part of the status, not errors.
    pub async fn status(&self) -> Result<Status, MigrateError> {
        let mut db = self.open().await?;
        let outcome = status::read(&mut db).await;
        close(db, outcome).await
    }

    /// The highest version that is applied; 0 for an empty database. Takes no lock.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn version(&self) -> Result<i64, MigrateError> {
        let mut db = self.open().await?;
        let history = history::read(&mut db).await;
        close(db, history.map(|history| status::highest(&history)).map_err(MigrateError::from)).await
    }

    /// The objects of the schema, one a line, sorted: the input of the fingerprint. Takes no lock.
    ///
    /// # Errors
    /// The database is unreachable.
    pub async fn catalog(&self) -> Result<Vec<String>, MigrateError> {
        let mut db = self.open().await?;
        let outcome = catalog::read(&mut db).await;
        close(db, outcome.map_err(MigrateError::from)).await
    }

    async fn open(&self) -> Result<Session, MigrateError> {
        Ok(connection::open(&self.url, self.connect_timeout).await?.db)
    }

    /// Opens a session under the lock. A second one shows whether a proxy pools transactions, and then holds the lock.
    async fn locked(&self, tell: Listener<'_>) -> Result<Locked, MigrateError> {
        let Opened { mut db, pooled } = connection::open(&self.url, self.connect_timeout).await?;
        let mut other = connection::open(&self.url, self.connect_timeout).await?;
        if pooled || other.pooled {
            tracing::warn!("migrating through a proxy that pools transactions; a direct address is safer");
            return match lock::acquire(&mut other.db, Extent::Transaction, self.lock_timeout, tell).await {
                Ok(()) => Ok(Locked { db, holder: Some(other.db) }),
                Err(error) => close(db, Err(error)).await,
            };
        }
        drop(other.db.close().await);
        match lock::acquire(&mut db, Extent::Session, self.lock_timeout, tell).await {
            Ok(()) => Ok(Locked { db, holder: None }),
            Err(error) => close(db, Err(error)).await,
        }
    }
}

async fn restored<E: From<MigrateError>>(
    db: &mut Session,
    load: impl AsyncFnOnce() -> Result<(), E>,
    tell: &mut (dyn FnMut(&JumpProgress) + Send),
) -> Result<Result<JumpOutcome, MigrateError>, E> {
    restore::begin(db).await?;
    if let Err(error) = load().await {
        if let Err(left) = restore::withdraw(db).await {
            tracing::debug!(error = %left, "mark of the restore not removed");
        }
        return Err(error);
    }
    // The backup may be one of a restored database: the record of that restore says nothing of this one.
    let request = JumpRequest { jump: None, again: true };
    Ok(restore::complete(db, request, tell).await)
}

/// A session under the lock of the database.
#[derive(Debug)]
struct Locked {
    db: Session,
    /// Session that holds the lock in a transaction; `None` if `db` holds it.
    holder: Option<Session>,
}

impl Locked {
    /// Ends the sessions, and with them the lock.
    async fn close<T>(self, outcome: Result<T, MigrateError>) -> Result<T, MigrateError> {
        if let Some(mut holder) = self.holder {
            let released = sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.map(drop);
            if let Err(error) = released.and(holder.close().await) {
                tracing::debug!(error = %DriverText(&error), "failed to close the connection with the migration lock");
            }
        }
        close(self.db, outcome).await
    }
}

/// Gives up the lock and ends the session, and with it whatever was not committed. A session that is gone has given
/// up its lock already; one that ends lives on for a moment, in which the next migrator need not wait.
async fn close<T>(mut db: Session, outcome: Result<T, MigrateError>) -> Result<T, MigrateError> {
    let unlocked = sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(&mut db).await.map(drop);
    if let Err(error) = unlocked.and(db.close().await) {
        tracing::debug!(error = %DriverText(&error), "failed to close the connection of the migrator");
    }
    outcome
}
