//! Retries of transactions that the database rolled back: serialization failures and deadlocks (storage T7).

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use less_sync_metrics::Counter;

use crate::driver_failure::DriverText;
use crate::sqlstate::{LostRace, Meaning, meaning};

/// Maximum number of attempts.
const ATTEMPTS: u32 = 3;

/// Retried transactions by the race that they lost. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct RetryCounts {
    serialization: Counter,
    deadlock: Counter,
}

impl RetryCounts {
    fn count(&self, race: LostRace) {
        match race {
            LostRace::Serialization => self.serialization.inc(),
            LostRace::Deadlock => self.deadlock.inc(),
        };
    }

    /// Label value and counter of each race.
    pub(crate) fn series(&self) -> [([&'static str; 1], Counter); 2] {
        [(["serialization"], self.serialization.clone()), (["deadlock"], self.deadlock.clone())]
    }
}

/// Retry policy of one transaction: counts its attempts.
#[derive(Debug)]
pub(crate) struct Retries<'a> {
    failed: u32,
    counts: &'a RetryCounts,
}

impl<'a> Retries<'a> {
    /// Policy of a transaction without attempts, whose retries are counted in `counts`.
    pub(crate) fn new(counts: &'a RetryCounts) -> Self {
        Self { failed: 0, counts }
    }

    /// Decides on a retry after `error`: after a lost race, fewer than [`ATTEMPTS`] times. Pauses before it returns true.
    pub(crate) async fn again(&mut self, error: &sqlx::Error) -> bool {
        self.failed += 1;
        let Meaning::Retry(race) = meaning(error) else { return false };
        if self.failed >= ATTEMPTS {
            return false;
        }
        self.counts.count(race);
        tracing::debug!(error = %DriverText(error), "transaction rolled back by the database, retrying");
        tokio::time::sleep(pause()).await;
        true
    }
}

/// Random pause of 5 to 50 ms, so that two transactions that collided do not collide again.
fn pause() -> Duration {
    Duration::from_millis(5 + RandomState::new().hash_one(()) % 46)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_stay_in_their_range() {
        let pauses: Vec<Duration> = (0..200).map(|_| pause()).collect();
        assert!(pauses.iter().all(|pause| (5..=50).contains(&pause.as_millis())));
        assert!(pauses.iter().any(|pause| pause != &pauses[0]));
    }

    #[tokio::test]
    async fn only_lost_races_are_retried() {
        assert!(!Retries::new(&RetryCounts::default()).again(&sqlx::Error::RowNotFound).await);
    }
}
