//! Sweeper: deletes the objects of abandoned uploads and of deleted files (storage §4.6).

use std::time::Duration;

use less_sync_core::ErrorChain;
use less_sync_storage::{ClaimDue, DueObject, StorageError};

use super::Files;

/// Objects claimed per database query.
const BATCH: usize = 100;
/// Lease of a claimed batch; after it, another sweeper may claim the same objects.
const LEASE: Duration = Duration::from_mins(10);
/// Maximum delay between two attempts, before [`MANY_ATTEMPTS`].
const LONGEST_DELAY: Duration = Duration::from_hours(6);
/// Attempts after which failures are logged as errors, and retried once a day.
const MANY_ATTEMPTS: u32 = 20;
const DAY: Duration = Duration::from_hours(24);

/// Result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects deleted.
    pub removed: usize,
    /// Objects whose deletion failed; they will be retried.
    pub failed: usize,
}

impl Files {
    /// Deletes every object that is due. Safe to run in several processes at once.
    ///
    /// # Errors
    /// Failures of the database. Failures of the object store are counted and retried later.
    pub async fn sweep(&self) -> Result<Swept, StorageError> {
        let mut swept = Swept::default();
        let claim = ClaimDue { limit: BATCH, lease: LEASE, grace: self.0.settings.delete_grace };
        loop {
            let due = self.0.engine.storage.claim_due_objects(claim).await?;
            // Failed objects get a later `not_before`, so the loop ends even if nothing can be deleted.
            let is_last = due.len() < BATCH;
            for object in due {
                if self.delete_object(&object).await? {
                    swept.removed += 1;
                } else {
                    swept.failed += 1;
                }
            }
            if is_last {
                return Ok(swept);
            }
        }
    }

    /// Deletes one object; false if the object store failed.
    ///
    /// Object first, queue entry second: a crash in between repeats the deletion, which is idempotent. The reverse order
    /// could lose the only reference to the object.
    async fn delete_object(&self, object: &DueObject) -> Result<bool, StorageError> {
        let storage = &self.0.engine.storage;
        let Err(error) = self.0.blobs.delete(&object.name).await else {
            storage.forget_object(object.space, object.entry).await?;
            self.0.metrics.swept.inc();
            return Ok(true);
        };
        self.0.metrics.sweep_failed.inc();
        if object.attempts >= MANY_ATTEMPTS {
            tracing::error!(object = object.name.without_space(), attempts = object.attempts, error = %ErrorChain(&error), "failed to delete an object many times");
        } else {
            tracing::warn!(object = object.name.without_space(), attempts = object.attempts, error = %ErrorChain(&error), "failed to delete an object");
        }
        storage.postpone_object(object.space, object.entry, delay(object.attempts)).await?;
        Ok(false)
    }
}

impl Files {
    /// Reads the fill level of the queue of objects into its metrics.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn measure_queue(&self) -> Result<(), StorageError> {
        let queue = self.0.engine.storage.object_queue(self.0.settings.delete_grace).await?;
        let metrics = &self.0.metrics;
        let amount = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        metrics.queued_uploads.set(amount(queue.uploads));
        metrics.queued_deletions.set(amount(queue.pending_delete));
        metrics.oldest_due.set(amount(queue.oldest_due.unwrap_or_default().as_secs()));
        Ok(())
    }
}

/// Delay before the next attempt: exponential backoff from 2 minutes.
fn delay(attempts: u32) -> Duration {
    if attempts >= MANY_ATTEMPTS {
        return DAY;
    }
    let minutes = 2u64.saturating_pow(attempts.saturating_add(1));
    Duration::from_secs(minutes.saturating_mul(60)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_retried_with_exponential_backoff() {
        let minutes = |attempts| delay(attempts).as_secs() / 60;
        assert_eq!([0, 1, 2, 7, 8, 19].map(minutes), [2, 4, 8, 256, 360, 360]);
        assert_eq!([20, u32::MAX].map(delay), [DAY, DAY]);
    }
}
