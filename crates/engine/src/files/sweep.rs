//! The sweeper: removes the objects of uploads that came to nothing, and of files that are gone (storage §4.6).

use std::time::Duration;

use less_sync_core::ErrorChain;
use less_sync_storage::{ClaimDue, DueObject, StorageError};

use super::Files;

/// Objects that are claimed at a time.
const BATCH: usize = 100;
/// How long a batch may take before somebody else may take it over.
const LEASE: Duration = Duration::from_mins(10);
/// The longest pause between two tries.
const LONGEST_DELAY: Duration = Duration::from_hours(6);
/// After so many tries an operator has to know, and one try a day is enough.
const MANY_ATTEMPTS: u32 = 20;
const DAY: Duration = Duration::from_hours(24);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects removed.
    pub removed: usize,
    /// Objects that could not be removed, and will be tried again.
    pub failed: usize,
}

impl Files {
    /// Removes every object that is due. Safe to run in several processes at once.
    ///
    /// # Errors
    /// Failures of the database; those of the object store are counted and tried again later.
    pub async fn sweep(&self) -> Result<Swept, StorageError> {
        let mut swept = Swept::default();
        let claim = ClaimDue { limit: BATCH, lease: LEASE, grace: self.0.settings.delete_grace };
        loop {
            let due = self.0.engine.storage.claim_due_objects(claim).await?;
            let is_last = due.len() < BATCH;
            for object in due {
                if self.remove(&object).await? {
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

    /// False when the object could not be removed.
    async fn remove(&self, object: &DueObject) -> Result<bool, StorageError> {
        let storage = &self.0.engine.storage;
        let Err(error) = self.0.blobs.delete(&object.key).await else {
            storage.forget_object(object.space, object.entry).await?;
            self.0.metrics.swept.increment();
            return Ok(true);
        };
        self.0.metrics.sweep_failed.increment();
        if object.attempts >= MANY_ATTEMPTS {
            tracing::error!(object = %object.key, attempts = object.attempts, error = %ErrorChain(&error), "an object cannot be removed");
        } else {
            tracing::warn!(object = %object.key, attempts = object.attempts, error = %ErrorChain(&error), "an object was not removed");
        }
        storage.postpone_object(object.space, object.entry, delay(object.attempts)).await?;
        Ok(false)
    }
}

/// How long to wait after one more failure.
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
    fn failures_are_tried_again_after_ever_longer_pauses() {
        let minutes = |attempts| delay(attempts).as_secs() / 60;
        assert_eq!([0, 1, 2, 7, 8, 19].map(minutes), [2, 4, 8, 256, 360, 360]);
        assert_eq!([20, u32::MAX].map(delay), [DAY, DAY]);
    }
}
