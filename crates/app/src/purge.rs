//! The jobs that delete what has had its time (operations §4).

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::ErrorChain;
use less_sync_storage::{Storage, StorageError};

use crate::config::Config;
use crate::tasks::Tasks;

const PERIOD: Duration = Duration::from_mins(10);

/// Starts the jobs. Actions are stored only under a key (auth §4.3).
pub(crate) fn spawn(config: &Config, tasks: &Tasks, storage: &Arc<dyn Storage>) {
    let store = storage.clone();
    tasks.spawn_periodic("purge of invitations", PERIOD, move || invitations(store.clone()));
    if config.identity.hash_key.is_some() {
        let store = storage.clone();
        tasks.spawn_periodic("purge of counted actions", PERIOD, move || actions(store.clone()));
    }
}

async fn invitations(storage: Arc<dyn Storage>) {
    report("invitations", less_sync_engine::purge_invitations(storage.as_ref()).await);
}

async fn actions(storage: Arc<dyn Storage>) {
    report("counted actions", less_sync_engine::purge_actions(storage.as_ref()).await);
}

fn report(rows: &'static str, purged: Result<usize, StorageError>) {
    match purged {
        Ok(0) => {}
        Ok(count) => tracing::debug!(rows, count, "purged"),
        Err(error) => tracing::warn!(rows, error = %ErrorChain(&error), "purge failed"),
    }
}
