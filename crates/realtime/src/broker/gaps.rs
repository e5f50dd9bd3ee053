//! Spaces in which something committed is known to be missing.

use less_sync_core::SpaceId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How many spaces wait to be looked after; more are left to the regular look.
const NOTED: usize = 4096;

/// A list for the one who looks after gaps.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    spaces: Mutex<Vec<SpaceId>>,
    news: Notify,
}

impl Gaps {
    pub(super) fn note(&self, space: SpaceId) {
        let mut spaces = self.spaces.lock();
        if spaces.len() < NOTED {
            spaces.push(space);
            self.news.notify_one();
        }
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
