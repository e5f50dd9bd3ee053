//! Periodic measurement of the pending rewraps (operations §4, §7.2).

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::ErrorChain;
use less_sync_engine::PendingRewrapGauges;
use less_sync_metrics::Registry;
use less_sync_storage::Storage;

use crate::tasks::{JobOutcome, Tasks};

/// Interval of the measurement.
const PERIOD: Duration = Duration::from_mins(1);

/// Registers the gauges of pending rewraps, and starts the job that measures them.
pub(crate) fn spawn(tasks: &Tasks, storage: &Arc<dyn Storage>, registry: &mut Registry) {
    let gauges = PendingRewrapGauges::default();
    gauges.register(registry);
    let storage = storage.clone();
    tasks.spawn_periodic("pending rewraps", PERIOD, move || measure(gauges.clone(), storage.clone()));
}

async fn measure(gauges: PendingRewrapGauges, storage: Arc<dyn Storage>) -> JobOutcome {
    let measured = gauges.measure(&*storage).await;
    if let Err(error) = &measured {
        tracing::warn!(error = %ErrorChain(error), "failed to read the pending rewraps");
    }
    JobOutcome::of(&measured)
}
