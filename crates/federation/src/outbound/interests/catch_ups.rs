//! List of the spaces whose missed changes are to be read from their home (federation CU-3).

use std::collections::{HashMap, HashSet};

use less_sync_core::SpaceId;
use less_sync_engine::HomePosition;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Spaces whose missed changes are to be read, at most as many as there are interests. A space stays listed until that has ended.
#[derive(Debug, Default)]
pub(super) struct CatchUps {
    listed: Mutex<HashMap<SpaceId, HomePosition>>,
    added: Notify,
}

impl CatchUps {
    pub(super) fn add(&self, space: SpaceId, position: HomePosition) {
        let mut listed = self.listed.lock();
        let known = listed.entry(space).or_insert(position);
        if known.cursor < position.cursor {
            *known = position;
        }
        drop(listed);
        self.added.notify_one();
    }

    /// A space that is not being read.
    pub(super) fn next(&self, running: &HashSet<SpaceId>) -> Option<(SpaceId, HomePosition)> {
        let listed = self.listed.lock();
        listed.iter().find(|(space, _)| !running.contains(*space)).map(|(space, at)| (*space, *at))
    }

    /// Removes a space, unless more has been missed since `position`.
    pub(super) fn remove(&self, space: SpaceId, position: HomePosition) {
        let mut listed = self.listed.lock();
        if listed.get(&space).is_some_and(|known| known.cursor <= position.cursor) {
            listed.remove(&space);
        }
    }

    /// Waits until there may be another space.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }
}
