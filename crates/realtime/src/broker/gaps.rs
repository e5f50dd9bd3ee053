//! Spaces in which something committed is known to be missing.

use less_sync_core::SpaceId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A list for the one who looks after gaps. Each space is on it at most once.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    spaces: Mutex<Vec<SpaceId>>,
    news: Notify,
}

impl Gaps {
    pub(super) fn note(&self, space: SpaceId) {
        self.spaces.lock().push(space);
        self.news.notify_one();
    }

    /// Waits until there are some, and takes them.
    pub(super) async fn noted(&self) -> Vec<SpaceId> {
        loop {
            let noted = std::mem::take(&mut *self.spaces.lock());
            if !noted.is_empty() {
                return noted;
            }
            self.news.notified().await;
        }
    }
}
