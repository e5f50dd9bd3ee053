//! Purge of expired rows: invitations, home hints, unused stubs of remote spaces, and actions outside of every rate-limit window
//! (storage §3.18, federation RT-6).
//!
//! A purge may be interrupted at any point, and several servers may purge one database at the same time.

use std::time::Duration;

use less_sync_storage::{HomeHints, HomeRoutes, Invitations, RateLimits, StorageError};

/// Maximum rows deleted per statement.
const BATCH: usize = 1000;

/// Longest rate-limit window (auth §4.3).
const LONGEST_WINDOW: Duration = Duration::from_hours(24);

/// Time without use after which the stub of a remote space is deleted (federation RT-6).
const IDLE_STUB: Duration = Duration::from_hours(90 * 24);

/// Deletes all expired home hints and returns their number.
///
/// # Errors
/// Failures of the database.
pub async fn purge_home_hints(hints: &dyn HomeHints) -> Result<usize, StorageError> {
    until_short(|| hints.purge_home_hints(BATCH)).await
}

/// Deletes all stubs of remote spaces that were not used for 90 days and returns their number.
///
/// # Errors
/// Failures of the database.
pub async fn purge_stubs(routes: &dyn HomeRoutes) -> Result<usize, StorageError> {
    until_short(|| routes.delete_idle_stubs(IDLE_STUB, BATCH)).await
}

/// Deletes all expired invitations and returns their number.
///
/// # Errors
/// Failures of the database.
pub async fn purge_invitations(invitations: &dyn Invitations) -> Result<usize, StorageError> {
    until_short(|| invitations.purge_invitations(BATCH)).await
}

/// Deletes all actions older than the longest rate-limit window and returns their number.
///
/// # Errors
/// Failures of the database.
pub async fn purge_actions(counters: &dyn RateLimits) -> Result<usize, StorageError> {
    until_short(|| counters.purge_actions(LONGEST_WINDOW, BATCH)).await
}

/// Calls `batch` until it deletes fewer than [`BATCH`] rows, and returns the sum.
async fn until_short<F>(batch: impl Fn() -> F) -> Result<usize, StorageError>
where
    F: Future<Output = Result<usize, StorageError>>,
{
    let mut total = 0;
    loop {
        let deleted = batch().await?;
        total += deleted;
        if deleted < BATCH {
            return Ok(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Deletes `rows` rows; returns the number of batches and the reported total.
    async fn purge(rows: usize) -> (usize, usize) {
        let (left, batches) = (Cell::new(rows), Cell::new(0));
        let purged = until_short(|| async {
            batches.set(batches.get() + 1);
            let deleted = left.get().min(BATCH);
            left.set(left.get() - deleted);
            Ok(deleted)
        });
        let total = purged.await.unwrap();
        assert_eq!(left.get(), 0);
        (batches.get(), total)
    }

    #[tokio::test]
    async fn purge_repeats_until_a_batch_is_short() {
        assert_eq!(purge(0).await, (1, 0));
        assert_eq!(purge(999).await, (1, 999));
        assert_eq!(purge(1000).await, (2, 1000));
        assert_eq!(purge(2500).await, (3, 2500));
    }

    #[tokio::test]
    async fn failure_ends_the_purge() {
        let outcome = until_short(|| async { Err(StorageError::Unavailable("away".into())) }).await;
        assert!(matches!(outcome, Err(StorageError::Unavailable(_))), "{outcome:?}");
    }
}
