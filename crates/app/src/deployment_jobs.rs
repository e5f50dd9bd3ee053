//! Jobs that one process of a deployment runs for all of them, under leases in their database (decision 0045).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::ErrorChain;
use less_sync_engine::{Clock, Random as _};
use less_sync_storage_postgres::{JobClaim, JobTimes, PostgresStorage};
use uuid::Uuid;

use crate::clock::SystemRandom;
use crate::tasks::{JobOutcome, Tasks};

/// Time after which a run of a process that does not extend it counts as abandoned.
const LEASE: Duration = Duration::from_mins(1);

/// Interval of the extensions: two of them may fail.
const EXTENSION: Duration = Duration::from_secs(20);

/// Part of the period after which a job is due again: less than the shortest pause of [`Tasks::spawn_periodic`], so that the
/// process that ran it last never finds it early.
const DUE: f64 = 0.85;

/// Starter of such jobs.
#[derive(Clone)]
pub(crate) struct DeploymentJobs {
    tasks: Tasks,
    leases: Option<Leases>,
}

#[derive(Clone)]
struct Leases {
    storage: Arc<PostgresStorage>,
    /// Id of the process.
    holder: Uuid,
    clock: Arc<dyn Clock>,
}

impl DeploymentJobs {
    /// Leases in `storage`. `None`: no other process shares the database, and every run is this one's.
    pub(crate) fn new(tasks: Tasks, storage: Option<Arc<PostgresStorage>>, clock: Arc<dyn Clock>) -> Self {
        let holder = Uuid::from_bytes(SystemRandom.uuid());
        Self { tasks, leases: storage.map(|storage| Leases { storage, holder, clock }) }
    }

    /// Runs `work` about once every `period` on any one process of the deployment. A run that fails, or whose process ends, is
    /// repeated by the process whose own period ends next. Work has to be safe to run twice: a process that was suspended
    /// continues for a moment after its lease.
    pub(crate) fn spawn<F>(
        &self,
        name: &'static str,
        period: Duration,
        work: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = JobOutcome> + Send + 'static,
    {
        let leases = self.leases.clone();
        self.tasks.spawn_periodic(name, period, move || {
            let (leases, work) = (leases.clone(), work());
            async move {
                match leases {
                    Some(leases) => leases.run(name, period, work).await,
                    None => work.await,
                }
            }
        });
    }
}

impl Leases {
    /// Runs `work` if the job is due and no other process runs it.
    async fn run(&self, job: &str, period: Duration, work: impl Future<Output = JobOutcome>) -> JobOutcome {
        let times = JobTimes { lease: LEASE, period: period.mul_f64(DUE) };
        match self.storage.claim_job(job, self.holder, times).await {
            Ok(JobClaim::Held) => {}
            Ok(JobClaim::Elsewhere { succeeded }) => return JobOutcome::Elsewhere { succeeded },
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to claim a job");
                return JobOutcome::Failed;
            }
        }
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = self.lost(job) => {
                tracing::warn!("job ended: its lease had expired, and another process runs it");
                return JobOutcome::Elsewhere { succeeded: None };
            }
        };
        if let Err(error) = self.storage.release_job(job, self.holder, outcome == JobOutcome::Ok).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to release a job");
        }
        outcome
    }

    /// Extends the lease of a run, and completes when the run is another process's.
    async fn lost(&self, job: &str) {
        loop {
            self.clock.sleep_until(self.clock.instant() + EXTENSION).await;
            match self.storage.extend_job(job, self.holder, LEASE).await {
                Ok(true) => {}
                Ok(false) => return,
                // Work that needs the database fails by itself.
                Err(error) => tracing::warn!(error = %ErrorChain(&error), "failed to extend a job"),
            }
        }
    }
}
