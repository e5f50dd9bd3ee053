//! Purge jobs: periodic deletion of expired invitations and home hints, unused stubs of remote spaces, and old rate-limit entries (operations §4).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::ErrorChain;
use less_sync_engine::LiveNodes;
use less_sync_storage::{Storage, StorageError};

use crate::config::Config;
use crate::tasks::{JobOutcome, Tasks};

/// A run of a job.
type Purge = Pin<Box<dyn Future<Output = JobOutcome> + Send>>;

/// Interval of each job.
const PERIOD: Duration = Duration::from_mins(10);

/// Starts the purge jobs, whose work one node of a deployment does. Rate-limit entries are stored only with `IDENTITY_HASH_KEY`
/// (auth §4.3).
pub(crate) fn spawn(config: &Config, tasks: &Tasks, storage: &Arc<dyn Storage>, nodes: &LiveNodes) {
    let once = |name, work: fn(Arc<dyn Storage>) -> Purge| {
        let (store, nodes) = (storage.clone(), nodes.clone());
        tasks.spawn_periodic(name, PERIOD, move || {
            let purge = nodes.is_first().then(|| work(store.clone()));
            async move {
                match purge {
                    Some(purge) => purge.await,
                    None => JobOutcome::Ok,
                }
            }
        });
    };
    once("invitation purge", |store| Box::pin(purge_invitations(store)));
    once("home hint purge", |store| Box::pin(purge_home_hints(store)));
    once("stub purge", |store| Box::pin(purge_stubs(store)));
    if config.identity.hash_key.is_some() {
        once("rate limit purge", |store| Box::pin(purge_rate_limits(store)));
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
