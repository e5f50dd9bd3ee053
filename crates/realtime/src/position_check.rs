//! Background job: comparison of delivered with committed cursors, and repair (decision 0014); look-up of revocations.
//!
//! An event is lost when its caller dies between commit and publication. A lost event shows as a gap as soon as a later
//! event of the space is published, otherwise in a periodic comparison with the cursors in storage. A gap that still exists
//! after a grace period is repaired: the subscribers are sent a pull hint.
//!
//! A revocation that another process of the same database has committed is found by the same period: the tokens of all
//! chains that watch are looked up, and the subscriptions of revoked ones end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::SpaceId;
use less_sync_engine::{Clock, Random};
use less_sync_storage::{Revocations, Spaces};

use crate::broker::{Broker, Position};
use crate::comparison::Comparison;

/// Time from the commit of an event to its publication after which the event counts as lost.
const GRACE: Duration = Duration::from_secs(1);

/// Delay before the next comparison after a storage error.
const RETRY: Duration = Duration::from_secs(5);

/// Relative jitter of the interval, up and down, so that several nodes do not query storage in step.
const JITTER: f64 = 0.2;

/// Periodic comparison of delivered with committed cursors, and repair.
pub struct PositionCheck {
    /// Broker whose deliveries are checked.
    pub broker: Arc<Broker>,
    /// Storage with the committed cursors.
    pub spaces: Arc<dyn Spaces>,
    /// Storage with the revocations.
    pub revocations: Arc<dyn Revocations>,
    /// Source of time.
    pub clock: Arc<dyn Clock>,
    /// Source of the jitter of the interval.
    pub random: Arc<dyn Random>,
    /// Interval between two comparisons, before jitter; at least one second.
    pub interval: Duration,
}

impl PositionCheck {
    /// Runs until `stop` completes.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.check_forever() => {}
        }
    }

    async fn check_forever(&self) {
        let comparison = self.comparison();
        let mut next_comparison = self.clock.instant() + self.jittered();
        loop {
            let suspects = tokio::select! {
                // Biased, so that a flood of gaps cannot starve the comparison with storage.
                biased;
                () = self.clock.sleep_until(next_comparison) => {
                    let (ended, behind) = (comparison.end_revoked().await, comparison.spaces_behind().await);
                    let is_complete = ended.is_ok() && behind.is_ok();
                    next_comparison = self.clock.instant() + if is_complete { self.jittered() } else { RETRY };
                    behind.unwrap_or_default()
                }
                gaps = self.broker.gaps() => gaps,
            };
            if !suspects.is_empty() {
                // Commits race their publications, so most suspects are merely late.
                self.clock.sleep_until(self.clock.instant() + GRACE).await;
                self.repair(suspects);
            }
        }
    }

    fn comparison(&self) -> Comparison {
        let (broker, spaces) = (self.broker.clone(), self.spaces.clone());
        Comparison { broker, spaces, revocations: self.revocations.clone() }
    }

    /// Repairs the suspects whose events have not arrived meanwhile.
    fn repair(&self, suspects: Vec<(SpaceId, Position)>) {
        for (space, position) in suspects {
            if self.broker.repair(space, position) {
                self.broker.metrics().repairs.inc();
                tracing::debug!(%space, "repaired a lost event by a pull hint");
            }
        }
    }

    fn jittered(&self) -> Duration {
        self.random.jittered(self.interval, JITTER).max(GRACE)
    }
}

impl std::fmt::Debug for PositionCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PositionCheck").field("interval", &self.interval).finish_non_exhaustive()
    }
}
