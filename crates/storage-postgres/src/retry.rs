//! Retries of transactions that the database rolled back: serialization failures and deadlocks (storage T7).

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::driver_failure::DriverText;
use crate::sqlstate::{Meaning, meaning};

/// Maximum number of attempts.
const ATTEMPTS: u32 = 3;

/// Retry policy of one transaction: counts its attempts.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    failed: u32,
}

impl Retries {
    /// Decides on a retry after `error`: after a lost race, fewer than [`ATTEMPTS`] times. Pauses before it returns true.
    pub(crate) async fn again(&mut self, error: &sqlx::Error) -> bool {
        self.failed += 1;
        if meaning(error) != Meaning::Retry || self.failed >= ATTEMPTS {
            return false;
        }
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
        assert!(!Retries::default().again(&sqlx::Error::RowNotFound).await);
    }
}
