//! No deaf connections (decision 0014): what was delivered is compared with what was committed.
//!
//! An event is lost when its caller dies between commit and publication. Two things bring that to light: a later event
//! that does not fit, at once, and otherwise a regular look at the cursors in storage. Whatever has not been delivered a
//! moment later is then repaired: the watchers are told to pull.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_core::{Cursor, SpaceId, limits};
use less_sync_engine::Clock;
use less_sync_storage::{Spaces, StorageError};

use super::{Broker, Position};

/// How long an event may take from its commit to its publication before it counts as lost.
const GRACE: Duration = Duration::from_secs(1);

/// How soon storage is asked again after it failed.
const RETRY: Duration = Duration::from_secs(5);

/// By how much the interval varies up and down, so that nodes do not look in step.
const JITTER: f64 = 0.2;

/// Compares and repairs, again and again.
pub struct PositionCheck {
    /// What was delivered.
    pub broker: Arc<Broker>,
    /// What was committed.
    pub spaces: Arc<dyn Spaces>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How often to look, before jitter; at least a second passes in between.
    pub interval: Duration,
}

impl PositionCheck {
    /// Runs until `stop` completes.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.check() => {}
        }
    }

    async fn check(&self) {
        let mut next_look = self.clock.instant() + self.jittered();
        loop {
            let suspects = tokio::select! {
                biased;
                () = self.clock.sleep_until(next_look) => {
                    let look = self.look().await;
                    next_look = self.clock.instant() + if look.is_ok() { self.jittered() } else { RETRY };
                    look.unwrap_or_default()
                }
                gaps = self.broker.gaps() => gaps,
            };
            if !suspects.is_empty() {
                self.clock.sleep_until(self.later(GRACE)).await;
                self.repair(suspects);
            }
        }
    }

    /// Spaces that stand further in storage than was delivered.
    async fn look(&self) -> Result<Vec<(SpaceId, Position)>, StorageError> {
        let watched = self.broker.delivered_cursors();
        let mut suspects = Vec::new();
        for some in watched.chunks(limits::SPACES) {
            suspects.extend(self.look_at(some).await.inspect_err(|error| {
                self.broker.metrics().position_check_failures.increment();
                tracing::warn!(error = %less_sync_core::ErrorChain(error), "position check failed");
            })?);
        }
        Ok(suspects)
    }

    async fn look_at(&self, watched: &[(SpaceId, Cursor)]) -> Result<Vec<(SpaceId, Position)>, StorageError> {
        let ids: Vec<SpaceId> = watched.iter().map(|(space, _)| *space).collect();
        let stored = self.spaces.spaces(&ids).await?;
        let delivered: std::collections::HashMap<_, _> = watched.iter().copied().collect();
        let ahead =
            stored.iter().filter(|space| delivered.get(&space.id).is_some_and(|at| space.cursor > *at));
        Ok(ahead.map(|space| (space.id, Position::from(space))).collect())
    }

    /// What has arrived in the meantime needs no repair.
    fn repair(&self, suspects: Vec<(SpaceId, Position)>) {
        for (space, position) in suspects {
            if self.broker.repair(space, position) {
                self.broker.metrics().repairs.increment();
                tracing::debug!(%space, "watchers missed an event and were told to pull");
            }
        }
    }

    fn later(&self, by: Duration) -> Instant {
        self.clock.instant() + by
    }

    fn jittered(&self) -> Duration {
        self.interval.mul_f64(rand::random_range(1.0 - JITTER..1.0 + JITTER)).max(GRACE)
    }
}

impl std::fmt::Debug for PositionCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PositionCheck").field("interval", &self.interval).finish_non_exhaustive()
    }
}
