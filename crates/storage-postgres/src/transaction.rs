//! Transactions of several statements, with retries and rollback.

use std::sync::Arc;

use std::convert::Infallible;

use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{
    DekRejection, EpochKeyRejection, EpochRejection, FederationKeyRejection, FileRejection,
    HomeRouteRejection, MembershipRejection, RateLimitRejection, StorageError,
};
use sqlx::Executor as _;

use crate::error::NoConnection;
use crate::pool::{Class, Lease, Pool};
use crate::retry::Retries;
use crate::session::{OpenTransaction, Session};
use crate::sqlstate::{is_name_clash, leaves_connection};

/// Error of a transaction, which is rolled back.
#[derive(Debug)]
pub(crate) enum Aborted<R = Infallible> {
    /// Rejected by the contract.
    Rejected(StorageError<R>),
    /// Failed in the database.
    Failed(sqlx::Error),
}

impl<R> From<StorageError<R>> for Aborted<R> {
    fn from(error: StorageError<R>) -> Self {
        Self::Rejected(error)
    }
}

macro_rules! aborted_by {
    ($($rejection:ident),*) => {
        $(impl From<$rejection> for Aborted<$rejection> {
            fn from(rejection: $rejection) -> Self {
                Self::Rejected(StorageError::Rejected(rejection))
            }
        })*
    };
}

aborted_by!(
    DekRejection,
    EpochKeyRejection,
    EpochRejection,
    FederationKeyRejection,
    FileRejection,
    HomeRouteRejection,
    MembershipRejection,
    RateLimitRejection
);

impl<R> From<CorruptRow> for Aborted<R> {
    fn from(corrupt: CorruptRow) -> Self {
        Self::Rejected(corrupt.into())
    }
}

impl<R> From<sqlx::Error> for Aborted<R> {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

/// An operation that runs in one transaction: all of it, or nothing when it is aborted.
pub(crate) trait Transaction: Sync {
    /// Result after the commit.
    type Outcome: Send;
    /// Rejections of its own, as in [`StorageError`].
    type Rejection: Send;

    /// Runs the statements. Called again after a serialization failure or deadlock.
    fn run(
        &self,
        db: &mut Session,
    ) -> impl Future<Output = Result<Self::Outcome, Aborted<Self::Rejection>>> + Send;
}

impl Pool {
    /// Runs and commits a transaction, up to three times while it loses against others (storage T7).
    pub(crate) async fn transact<T: Transaction>(
        self: &Arc<Self>,
        class: Class,
        transaction: &T,
    ) -> Result<T::Outcome, StorageError<T::Rejection>> {
        let mut lease = self.lease(class).await?;
        let (mut retries, mut renewed) = (Retries::new(self.retries()), false);
        loop {
            let (begun, outcome) = match lease.connection().begin().await {
                Ok(open) => (true, attempt(open, transaction).await),
                Err(error) => (false, Err(Aborted::Failed(error))),
            };
            match outcome {
                // The session was ended while it was idle. Nothing but the beginning was sent, so another one may be used.
                // A proxy led it to a backend where the name of a statement is another client's: the statement did not run, and
                // its transaction has ended without effect.
                Err(Aborted::Failed(error))
                    if !renewed && (!begun && !leaves_connection(&error) || is_name_clash(&error)) =>
                {
                    renewed = true;
                    lease.renew().await.map_err(NoConnection::from)?;
                }
                Err(Aborted::Failed(error)) if retries.again(&error).await => {}
                outcome => return lease.conclude(outcome),
            }
        }
    }
}

async fn attempt<T: Transaction>(
    mut transaction: OpenTransaction<'_>,
    work: &T,
) -> Result<T::Outcome, Aborted<T::Rejection>> {
    match work.run(&mut transaction).await {
        Ok(outcome) => {
            transaction.commit().await?;
            Ok(outcome)
        }
        Err(Aborted::Failed(error)) if !leaves_connection(&error) => Err(Aborted::Failed(error)),
        Err(aborted) => {
            transaction.rollback().await?;
            Err(aborted)
        }
    }
}

impl Lease {
    /// Ends the operation, and passes its outcome on as the contract has it.
    pub(crate) fn conclude<T, R>(self, outcome: Result<T, Aborted<R>>) -> Result<T, StorageError<R>> {
        match outcome {
            Ok(outcome) => self.settle(Ok(outcome)),
            Err(Aborted::Failed(error)) => self.settle(Err(error)),
            Err(Aborted::Rejected(rejected)) => self.settle(Ok(Err(rejected)))?,
        }
    }
}

/// Makes every further statement of the transaction find its rows by key, however few there were when it was planned.
pub(crate) async fn plan_by_key(db: &mut Session) -> Result<(), sqlx::Error> {
    let planner =
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
    db.execute(sqlx::raw_sql(planner)).await.map(drop)
}
