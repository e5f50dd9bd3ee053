//! The sweep for stale presence (operations §4).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use less_sync_engine::Clock;

use super::Broker;

/// Removes stale presence, again and again.
pub struct PresenceSweep {
    /// Whose presence.
    pub broker: Arc<Broker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How often; at least a second passes in between.
    pub every: Duration,
}

impl PresenceSweep {
    /// Runs until `stop` completes.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.sweep() => {}
        }
    }

    async fn sweep(&self) {
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
