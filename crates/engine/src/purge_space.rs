//! Removal of a whole space by the operator (storage §3.21).

use less_sync_core::SpaceId;
use less_sync_storage::{PurgeStep, StorageError};

use crate::{Engine, SpaceEvent};

/// Progress of the removal of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Rows removed by this call.
    pub rows: u64,
    /// True once the space is gone.
    pub is_done: bool,
}

impl Engine {
    /// Looks `space` up anew with the next request, after another process has begun to remove it.
    pub fn forget_space(&self, space: SpaceId) {
        self.authorizer.forget(space);
    }

    /// Removes `space` in at most `steps` bounded transactions; `None` if it does not exist. From the first one on, nothing is
    /// written to it and its subscriptions are ended; an unfinished removal is continued by the next call.
    ///
    /// # Errors
    /// Failures of the database; what was removed stays removed.
    pub async fn purge_space(&self, space: SpaceId, steps: usize) -> Result<Option<Purged>, StorageError> {
        let mut rows = 0;
        for step in 0..steps {
            let (removed, is_done) = match self.storage.purge_step(space).await? {
                PurgeStep::Absent if step == 0 => return Ok(None),
                PurgeStep::Absent => (0, true),
                PurgeStep::Rows(removed) => (removed, false),
                PurgeStep::Done(removed) => (removed, true),
            };
            rows += removed;
            // After each step: a request that was authorized before the first one may have cached the space or subscribed.
            self.authorizer.forget(space);
            if step == 0 || is_done {
                self.events.publish(SpaceEvent::Purged(space));
            }
            if is_done {
                return Ok(Some(Purged { rows, is_done }));
            }
        }
        Ok(Some(Purged { rows, is_done: false }))
    }
}
