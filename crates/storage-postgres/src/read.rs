//! Reads, and single statements that write: repeated once on a new connection where that is safe.
//!
//! A restart of the database, a failover and an administrator end sessions that are idle in the pool. A read has no
//! effect, so its caller need not learn of it. A statement that writes is repeated only if it is certain that it did not
//! run.

use std::sync::Arc;

use less_sync_storage::StorageError;

use crate::error::{NoConnection, storage_error};
use crate::pool::{Class, Lease, Pool};
use crate::session::Session;
use crate::sqlstate::{is_name_clash, leaves_connection};
use crate::transaction::Aborted;

/// Error of statements, and its effect on the session that ran them.
pub(crate) trait SessionError {
    /// True if the session has ended, is in an unknown state, or shall not be used again.
    fn ends_session(&self) -> bool;

    /// True if a proxy led the session to a backend where the name of the statement is another client's.
    fn is_name_clash(&self) -> bool;
}

/// Error of a read.
pub(crate) trait ReadError<R>: SessionError {
    /// As the contract has it.
    fn into_storage_error(self) -> StorageError<R>;
}

impl SessionError for sqlx::Error {
    fn ends_session(&self) -> bool {
        !leaves_connection(self)
    }

    fn is_name_clash(&self) -> bool {
        is_name_clash(self)
    }
}

impl<R> SessionError for Aborted<R> {
    fn ends_session(&self) -> bool {
        match self {
            Self::Failed(error) => error.ends_session(),
            Self::Rejected(_) => false,
        }
    }

    fn is_name_clash(&self) -> bool {
        match self {
            Self::Failed(error) => is_name_clash(error),
            Self::Rejected(_) => false,
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

/// Effect of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// No effect: the statements may run twice.
    None,
    /// Change of stored data by a single statement.
    Write,
}

/// Statements in progress.
#[derive(Debug)]
pub(crate) struct Running {
    lease: Lease,
    effect: Effect,
    repeated: bool,
}

impl Running {
    pub(crate) async fn begin(pool: &Arc<Pool>, class: Class, effect: Effect) -> Result<Self, NoConnection> {
        Ok(Self { lease: pool.lease(class).await?, effect, repeated: false })
    }

    pub(crate) fn connection(&mut self) -> &mut Session {
        self.lease.connection()
    }

    /// Returns true if the statements shall run again, on a new connection.
    pub(crate) async fn repeats<T>(
        &mut self,
        outcome: &Result<T, impl SessionError>,
    ) -> Result<bool, NoConnection> {
        let may_repeat = outcome.as_ref().is_err_and(|error| match self.effect {
            Effect::None => error.ends_session(),
            Effect::Write => error.is_name_clash(),
        });
        if self.repeated || !may_repeat {
            return Ok(false);
        }
        self.repeated = true;
        self.lease.renew().await?;
        Ok(true)
    }

    /// Ends the statements, and maps its outcome to the contract.
    pub(crate) fn end<T, R, E: ReadError<R>>(self, outcome: Result<T, E>) -> Result<T, StorageError<R>> {
        self.lease.release(!has_ended(&outcome));
        outcome.map_err(ReadError::into_storage_error)
    }
}

fn has_ended<T>(outcome: &Result<T, impl SessionError>) -> bool {
    outcome.as_ref().is_err_and(SessionError::ends_session)
}

/// Runs statements without effect on a connection of the pool and the class, and once more on a new one if the session
/// turns out to have ended. A macro: as a closure the statements would not be `Send` for every lifetime.
macro_rules! read {
    ($pool:expr, $class:expr, |$db:ident| $statements:expr) => {
        $crate::read::run!($pool, $class, $crate::read::Effect::None, |$db| $statements)
    };
}

/// Runs a statement that writes on a connection of the pool and the class, and once more on a new one if a proxy has kept
/// it from running.
macro_rules! statement {
    ($pool:expr, $class:expr, |$db:ident| $statement:expr) => {
        $crate::read::run!($pool, $class, $crate::read::Effect::Write, |$db| $statement)
    };
}

macro_rules! run {
    ($pool:expr, $class:expr, $effect:expr, |$db:ident| $statements:expr) => {{
        let mut running = $crate::read::Running::begin(&$pool, $class, $effect).await?;
        loop {
            let $db = running.connection();
            let outcome = $statements.await;
            if !running.repeats(&outcome).await? {
                break running.end(outcome);
            }
        }
    }};
}

pub(crate) use {read, run, statement};
