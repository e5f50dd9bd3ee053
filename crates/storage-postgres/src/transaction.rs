//! One operation as one transaction of several statements.

use std::sync::Arc;

use less_sync_storage::StorageError;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::error::CorruptRow;
use crate::pool::{Class, Lease, Pool};
use crate::retry::Retries;
use crate::sqlstate::leaves_connection;

/// Why an operation has come to nothing.
#[derive(Debug)]
pub(crate) enum Aborted {
    /// The contract forbids it.
    Rejected(StorageError),
    /// The database did not do it.
    Failed(sqlx::Error),
}

impl From<StorageError> for Aborted {
    fn from(error: StorageError) -> Self {
        Self::Rejected(error)
    }
}

impl From<CorruptRow> for Aborted {
    fn from(corrupt: CorruptRow) -> Self {
        Self::Rejected(corrupt.into())
    }
}

impl From<sqlx::Error> for Aborted {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

/// What is done in one transaction: all of it, or nothing when it is aborted.
pub(crate) trait Transaction: Sync {
    /// What comes out of it.
    type Outcome: Send;

    /// Does it. Called again when the database has undone it for reasons of its own.
    fn run(&self, db: &mut PgConnection) -> impl Future<Output = Result<Self::Outcome, Aborted>> + Send;
}

impl Pool {
    /// Runs and commits a transaction, up to three times while it loses against others (storage T7).
    pub(crate) async fn transact<T: Transaction>(
        self: &Arc<Self>,
        class: Class,
        transaction: &T,
    ) -> Result<T::Outcome, StorageError> {
        let mut lease = self.lease(class).await?;
        let mut retries = Retries::default();
        loop {
            match attempt(lease.connection(), transaction).await {
                Err(Aborted::Failed(error)) if retries.again(&error).await => {}
                outcome => return lease.conclude(outcome),
            }
        }
    }
}

async fn attempt<T: Transaction>(connection: &mut PgConnection, work: &T) -> Result<T::Outcome, Aborted> {
    let mut transaction = connection.begin().await?;
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
    pub(crate) fn conclude<T>(self, outcome: Result<T, Aborted>) -> Result<T, StorageError> {
        match outcome {
            Ok(outcome) => self.settle(Ok(outcome)),
            Err(Aborted::Failed(error)) => self.settle(Err(error)),
            Err(Aborted::Rejected(rejected)) => self.settle(Ok(Err(rejected)))?,
        }
    }
}

/// Makes every further statement of the transaction find its rows by key, however few there were when it was planned.
pub(crate) async fn plan_by_key(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let planner =
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
    db.execute(sqlx::raw_sql(planner)).await.map(drop)
}
