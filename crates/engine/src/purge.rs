//! Rows that have had their time: expired invitations, and actions that no limit counts any more (storage §3.18).
//!
//! Nothing is lost when a purge stops half-way, and several servers may purge one database.

use std::time::Duration;

use less_sync_storage::{Invitations, RateLimits, StorageError};

/// Rows that one statement deletes.
const BATCH: usize = 1000;

/// The longest window in which actions count (auth §4.3).
const LONGEST_WINDOW: Duration = Duration::from_hours(24);

/// Deletes the invitations that have expired; answers how many.
///
/// # Errors
/// Failures of the store.
pub async fn purge_invitations(invitations: &dyn Invitations) -> Result<usize, StorageError> {
    until_short(|| invitations.purge_invitations(BATCH)).await
}

/// Deletes the actions that no window reaches any more; answers how many.
///
/// # Errors
/// Failures of the store.
pub async fn purge_actions(counters: &dyn RateLimits) -> Result<usize, StorageError> {
    until_short(|| counters.purge_actions(LONGEST_WINDOW, BATCH)).await
}

/// Deletes batch by batch until one is short.
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

    /// How many batches it takes to delete so many rows, and how many are said to be gone.
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
    async fn purge_goes_on_until_a_batch_is_short() {
        assert_eq!(purge(0).await, (1, 0));
        assert_eq!(purge(999).await, (1, 999));
        assert_eq!(purge(1000).await, (2, 1000));
        assert_eq!(purge(2500).await, (3, 2500));
    }

    #[tokio::test]
    async fn purge_that_fails_ends() {
        let outcome = until_short(|| async { Err(StorageError::Unavailable("away".into())) }).await;
        assert!(matches!(outcome, Err(StorageError::Unavailable(_))), "{outcome:?}");
    }
}
