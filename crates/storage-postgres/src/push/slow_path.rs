//! Slow path of pushes: oversized ones, those whose space is locked by another transaction, and empty ones, which only read
//! the cursor of the space.

use std::sync::Arc;

use less_sync_storage::{Pushed, Quotas};
use tokio_util::task::TaskTracker;

use super::batch::{self, Locks};
use super::failure::Failure;
use super::job::Job;
use super::outcome::Verdict;
use super::oversized;
use super::submission_queue::SpaceLease;
use crate::access;
use crate::error::{NoConnection, unavailable};
use crate::pool::{Class, Lease, Pool};
use crate::retry::{Retries, RetryCounts};
use crate::session::Session;
use crate::sqlstate::is_name_clash;

/// Runs pushes in tasks of their own, on connections of the pool.
#[derive(Debug)]
pub(super) struct SlowPath {
    pool: Arc<Pool>,
    tasks: TaskTracker,
    quotas: Quotas,
}

impl SlowPath {
    pub(super) fn new(pool: &Arc<Pool>, tasks: &TaskTracker, quotas: Quotas) -> Self {
        Self { pool: Arc::clone(pool), tasks: tasks.clone(), quotas }
    }

    /// Counts of retried transactions.
    pub(super) fn retries(&self) -> &RetryCounts {
        self.pool.retries()
    }

    /// Takes over pushes of one space, together with the lease of the space, until their tickets are resolved.
    pub(super) fn spawn(&self, lease: SpaceLease, jobs: Vec<Job>) {
        let (pool, quotas) = (Arc::clone(&self.pool), self.quotas);
        self.tasks.spawn(async move {
            run(&pool, quotas, jobs).await;
            drop(lease);
        });
    }
}

async fn run(pool: &Arc<Pool>, quotas: Quotas, mut jobs: Vec<Job>) {
    let leased = pool.lease(Class::Push).await.map_err(NoConnection::into);
    // Callers may have gone during the wait for a connection.
    jobs.retain(|job| !job.abandoned());
    let verdicts = match leased {
        Ok(lease) => apply_on(lease, pool.retries(), quotas, &jobs).await,
        Err(failure) => Err(failure),
    };
    let verdicts = verdicts.unwrap_or_else(|failure: Failure| failure.verdicts(jobs.len()));
    for (job, verdict) in jobs.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Decided(outcome) => job.resolve(outcome),
            // Statements of the slow path wait for the lock, so they either get it or fail.
            Verdict::SpaceLocked => job.resolve(Err(unavailable(SpaceLocked))),
        }
    }
}

/// Applies the pushes on a connection of the pool, and once more on a new one if a proxy led the session to a backend where
/// the name of a statement is another client's: the statement did not run.
async fn apply_on(
    mut lease: Lease,
    retries: &RetryCounts,
    quotas: Quotas,
    jobs: &[Job],
) -> Result<Vec<Verdict>, Failure> {
    let mut applied = apply(lease.connection(), retries, quotas, jobs).await;
    if applied.as_ref().is_err_and(is_name_clash) {
        lease.renew().await.map_err(NoConnection::from)?;
        applied = apply(lease.connection(), retries, quotas, jobs).await;
    }
    lease.end(&applied);
    Ok(applied?)
}

/// Applies the pushes, waiting for the lock of the space.
async fn apply(
    connection: &mut Session,
    retries: &RetryCounts,
    quotas: Quotas,
    jobs: &[Job],
) -> Result<Vec<Verdict>, sqlx::Error> {
    let mut retries = Retries::new(retries);
    loop {
        let applied = match jobs {
            [] => return Ok(Vec::new()),
            [job] if job.is_empty() => unchanged(connection, job).await.map(|verdict| vec![verdict]),
            [job] if job.is_oversized() => {
                oversized::apply(connection, quotas, job).await.map(|verdict| vec![verdict])
            }
            jobs => batch::apply(connection, Locks::Wait, quotas, jobs).await,
        };
        match applied {
            Err(error) if retries.again(&error).await => {}
            decided => return decided,
        }
    }
}

/// A push without changes: reads the cursor of the space, without a lock.
async fn unchanged(connection: &mut Session, job: &Job) -> Result<Verdict, sqlx::Error> {
    let found = access::for_reading(connection, &job.access).await?;
    Ok(Verdict::Decided(found.map(|space| Pushed::Committed {
        prev: space.cursor,
        cursor: space.cursor,
        key_generation: space.key_generation,
        rewrap_epoch: space.rewrap_epoch,
        deleted_files: Vec::new(),
    })))
}

/// Lock conflict reported by a statement that should have waited for the lock.
#[derive(Debug, thiserror::Error)]
#[error("space is locked")]
struct SpaceLocked;
