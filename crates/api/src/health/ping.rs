//! One sign of life from the database for everybody who asks at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_engine::Clock;
use less_sync_storage::Spaces;
use tokio::sync::Mutex;

/// How long a result is good for.
const REUSE: Duration = Duration::from_secs(1);
/// How long the database may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the database at most once at a time and at most once per second, whoever asks how often.
pub(crate) struct SharedPing {
    storage: Arc<dyn Spaces>,
    clock: Arc<dyn Clock>,
    /// When the last result was had, and what it was. Locked while the next one is awaited.
    last: Mutex<Option<(Instant, bool)>>,
}

impl SharedPing {
    pub(crate) fn new(storage: Arc<dyn Spaces>, clock: Arc<dyn Clock>) -> Self {
        Self { storage, clock, last: Mutex::new(None) }
    }

    /// Whether the database answers. Takes two seconds at most, and no time when that is known already.
    pub(crate) async fn answers(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, answered)) = *last
            && self.clock.instant().saturating_duration_since(at) < REUSE
        {
            return answered;
        }
        let answered = self.ping().await;
        *last = Some((self.clock.instant(), answered));
        answered
    }

    async fn ping(&self) -> bool {
        let too_slow = self.clock.sleep_until(self.clock.instant() + TIMEOUT);
        let outcome = tokio::select! {
            biased;
            outcome = self.storage.ping() => outcome,
            () = too_slow => {
                tracing::warn!("database did not answer in time");
                return false;
            }
        };
        if let Err(error) = &outcome {
            tracing::warn!(error = %less_sync_core::Causes(error), "database does not answer");
        }
        outcome.is_ok()
    }
}
