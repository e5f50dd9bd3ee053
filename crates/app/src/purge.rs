//! Purge jobs: periodic deletion of expired invitations and home hints, unused stubs of remote spaces, and old rate-limit entries (operations §4).

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::ErrorChain;
use less_sync_storage::{Storage, StorageError};

use crate::config::Config;
use crate::deployment_jobs::DeploymentJobs;
use crate::tasks::JobOutcome;

/// Interval of each job.
const PERIOD: Duration = Duration::from_mins(10);

/// Starts the purge jobs, each of which one process of the deployment runs. Rate-limit entries are stored only with
/// `IDENTITY_HASH_KEY` (auth §4.3).
pub(crate) fn spawn(config: &Config, jobs: &DeploymentJobs, storage: &Arc<dyn Storage>) {
    let store = storage.clone();
    jobs.spawn("invitation purge", PERIOD, move || purge_invitations(store.clone()));
    let store = storage.clone();
    jobs.spawn("home hint purge", PERIOD, move || purge_home_hints(store.clone()));
    let store = storage.clone();
    jobs.spawn("stub purge", PERIOD, move || purge_stubs(store.clone()));
    if config.identity.hash_key.is_some() {
        let store = storage.clone();
        jobs.spawn("rate limit purge", PERIOD, move || purge_rate_limits(store.clone()));
    }
}

async fn purge_invitations(storage: Arc<dyn Storage>) -> JobOutcome {
    report("invitations", less_sync_engine::purge_invitations(storage.as_ref()).await)
}

async fn purge_home_hints(storage: Arc<dyn Storage>) -> JobOutcome {
    report("home_hints", less_sync_engine::purge_home_hints(storage.as_ref()).await)
}

async fn purge_stubs(storage: Arc<dyn Storage>) -> JobOutcome {
    report("stubs", less_sync_engine::purge_stubs(storage.as_ref()).await)
}

async fn purge_rate_limits(storage: Arc<dyn Storage>) -> JobOutcome {
    report("rate_limits", less_sync_engine::purge_actions(storage.as_ref()).await)
}

fn report(rows: &'static str, purged: Result<usize, StorageError>) -> JobOutcome {
    let outcome = JobOutcome::of(&purged);
    match purged {
        Ok(0) => {}
        Ok(count) => tracing::debug!(rows, count, "expired rows deleted"),
        Err(error) => tracing::warn!(rows, error = %ErrorChain(&error), "failed to delete expired rows"),
    }
    outcome
}
