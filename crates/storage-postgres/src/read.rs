//! Reads: repeated once on a new connection if the session had been ended.
//!
//! A restart of the database, a failover and an administrator end sessions that are idle in the pool. A read has no
//! effect, so its caller need not learn of it.

use std::sync::Arc;

use less_sync_storage::StorageError;

use crate::error::{NoConnection, storage_error};
use crate::pool::{Class, Lease, Pool};
use crate::session::Session;
use crate::sqlstate::leaves_connection;
use crate::transaction::Aborted;

/// Error with the driver as a possible source.
pub(crate) trait DriverError {
    /// The error of the driver; `None` for rejections.
    fn driver_error(&self) -> Option<&sqlx::Error>;
}

/// Error of a read.
pub(crate) trait ReadError<R>: DriverError {
    /// As the contract has it.
    fn into_storage_error(self) -> StorageError<R>;
}

impl DriverError for sqlx::Error {
    fn driver_error(&self) -> Option<&sqlx::Error> {
        Some(self)
    }
}

impl<R> DriverError for Aborted<R> {
    fn driver_error(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Rejected(_) => None,
        }
    }
}

impl<R> ReadError<R> for sqlx::Error {
    fn into_storage_error(self) -> StorageError<R> {
        storage_error(self)
    }
}

impl<R> ReadError<R> for Aborted<R> {
    fn into_storage_error(self) -> StorageError<R> {
        match self {
            Self::Failed(error) => storage_error(error),
            Self::Rejected(rejected) => rejected,
        }
    }
}

/// A read in progress.
#[derive(Debug)]
pub(crate) struct Reading {
    lease: Lease,
    repeated: bool,
}

impl Reading {
    pub(crate) async fn begin(pool: &Arc<Pool>, class: Class) -> Result<Self, NoConnection> {
        Ok(Self { lease: pool.lease(class).await?, repeated: false })
    }

    pub(crate) fn connection(&mut self) -> &mut Session {
        self.lease.connection()
    }

    /// Returns true if the statements shall run again, on a new connection.
    pub(crate) async fn repeats<T>(
        &mut self,
        outcome: &Result<T, impl DriverError>,
    ) -> Result<bool, NoConnection> {
        if self.repeated || !has_ended(outcome) {
            return Ok(false);
        }
        self.repeated = true;
        self.lease.renew().await?;
        Ok(true)
    }

    /// Ends the read, and maps its outcome to the contract.
    pub(crate) fn end<T, R, E: ReadError<R>>(self, outcome: Result<T, E>) -> Result<T, StorageError<R>> {
        self.lease.release(!has_ended(&outcome));
        outcome.map_err(ReadError::into_storage_error)
    }
}

/// True if the session has ended, or is in an unknown state.
fn has_ended<T>(outcome: &Result<T, impl DriverError>) -> bool {
    outcome.as_ref().err().and_then(DriverError::driver_error).is_some_and(|error| !leaves_connection(error))
}

/// Runs statements without effect on a connection of the pool and the class, and once more on a new one if the session
/// turns out to have ended. A macro: as a closure the statements would not be `Send` for every lifetime.
macro_rules! read {
    ($pool:expr, $class:expr, |$db:ident| $statements:expr) => {{
        let mut reading = $crate::read::Reading::begin(&$pool, $class).await?;
        loop {
            let $db = reading.connection();
            let outcome = $statements.await;
            if !reading.repeats(&outcome).await? {
                break reading.end(outcome);
            }
        }
    }};
}

pub(crate) use read;
