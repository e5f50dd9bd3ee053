//! Storage decorator that measures and traces each operation (operations §6, §7.2).

mod metrics;
mod operations;
mod slow;
mod volume;

use std::sync::Arc;
use std::time::Instant;

use less_sync_metrics::Registry;
use less_sync_storage::{Storage, StorageError};
use tracing::Instrument as _;

use crate::Clock;
use metrics::{OperationMetrics, Outcome, Place};
use slow::SlowOperations;
use volume::Volume;

/// Storage with the duration and outcome of each operation counted by its name, and a debug span `storage` with the name
/// around it. Changes neither results nor errors.
#[derive(Clone)]
pub struct MeasuredStorage(Arc<Shared>);

struct Shared {
    inner: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    operations: OperationMetrics,
    slow: SlowOperations,
    volume: Volume,
}

impl MeasuredStorage {
    /// Registers all metrics of storage operations.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.0.operations.register(registry);
        self.0.volume.register(registry);
    }

    /// Runs one operation.
    async fn measure<T, R>(
        &self,
        operation: Place,
        work: impl Future<Output = Result<T, StorageError<R>>> + Send,
    ) -> Result<T, StorageError<R>> {
        let started = self.0.clock.instant();
        let span = tracing::debug_span!("storage", op = operation.name);
        let result = if span.is_disabled() { work.await } else { work.instrument(span).await };
        self.0.count(operation, started, &result);
        result
    }
}

impl Shared {
    fn count<T, R>(&self, operation: Place, started: Instant, result: &Result<T, StorageError<R>>) {
        let now = self.clock.instant();
        let duration = now.saturating_duration_since(started);
        let outcome = match result {
            Ok(_) => Outcome::Ok,
            Err(error) if error.is_failure() => Outcome::Failed,
            Err(_) => Outcome::Rejected,
        };
        if matches!(result, Err(StorageError::SpaceKindMismatch)) {
            self.operations.kind_mismatches.inc();
        }
        self.operations.count(operation, outcome, duration);
        self.slow.note(operation, outcome, duration, now);
    }
}

impl std::fmt::Debug for MeasuredStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeasuredStorage").finish_non_exhaustive()
    }
}
