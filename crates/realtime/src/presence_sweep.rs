//! Background job: periodic removal of stale presence entries (operations §4).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use less_sync_engine::Clock;

use crate::broker::Broker;

/// Periodic removal of stale presence entries.
pub struct PresenceSweep {
    /// Broker whose entries are swept.
    pub broker: Arc<Broker>,
    /// Source of time.
    pub clock: Arc<dyn Clock>,
    /// Interval between two sweeps; at least one second.
    pub every: Duration,
}

impl PresenceSweep {
    /// Runs until `stop` completes.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.sweep_forever() => {}
        }
    }

    async fn sweep_forever(&self) {
        loop {
            self.clock.sleep_until(self.clock.instant() + self.every.max(Duration::from_secs(1))).await;
            self.broker.sweep_presence();
        }
    }
}

impl std::fmt::Debug for PresenceSweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PresenceSweep").field("every", &self.every).finish_non_exhaustive()
    }
}
