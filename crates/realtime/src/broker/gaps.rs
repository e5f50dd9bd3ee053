//! Spaces with a gap in their deliveries, as a queue for the position check.

use less_sync_core::SpaceId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Maximum spaces in the queue, inclusive; further ones are left to the periodic comparison with storage.
const QUEUED: usize = 4096;

/// Queue of spaces with a gap, for one consumer.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    spaces: Mutex<Vec<SpaceId>>,
    reported: Notify,
}

impl Gaps {
    pub(super) fn report(&self, space: SpaceId) {
        let mut spaces = self.spaces.lock();
        if spaces.len() < QUEUED {
            spaces.push(space);
            self.reported.notify_one();
        }
    }

    /// Waits until the queue is not empty, and takes all of it.
    pub(super) async fn take_all(&self) -> Vec<SpaceId> {
        loop {
            let reported = std::mem::take(&mut *self.spaces.lock());
            if !reported.is_empty() {
                return reported;
            }
            // A report since the look above has stored a permit, so this returns at once.
            self.reported.notified().await;
        }
    }
}
