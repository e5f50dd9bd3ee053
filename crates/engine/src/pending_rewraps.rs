//! Gauges of the pending rewraps of all spaces (storage §3.11, operations §7.2).

use less_sync_metrics::{Gauge, Registry};
use less_sync_storage::{Inventory, StorageError};

/// Number of the spaces with a pending rewrap and the age of the oldest one, as of the last measurement. Clones share their
/// values.
#[derive(Clone, Debug, Default)]
pub struct PendingRewrapGauges {
    spaces: Gauge,
    /// In seconds.
    oldest: Gauge,
}

impl PendingRewrapGauges {
    /// Registers both gauges. Without a pending rewrap both are 0.
    pub fn register(&self, registry: &mut Registry) {
        let help = "spaces whose data keys are not all rewrapped yet, 100 000 at most";
        registry.register("spaces_rewrap_pending", help, self.spaces.clone());
        let help = "time since the oldest pending rewrap began; 0 if none is pending";
        registry.register("spaces_rewrap_pending_oldest_seconds", help, self.oldest.clone());
    }

    /// Reads both values from the database: one bounded read (see [`Inventory::pending_rewraps`]).
    ///
    /// # Errors
    /// Failures of the database; the values stay.
    pub async fn measure(&self, inventory: &dyn Inventory) -> Result<(), StorageError> {
        let pending = inventory.pending_rewraps().await?;
        self.spaces.set(pending.spaces.into());
        let oldest = pending.oldest.unwrap_or_default().as_secs();
        self.oldest.set(i64::try_from(oldest).unwrap_or(i64::MAX));
        Ok(())
    }
}
