//! Model of the objects of files and of the queue of those to be removed.

use std::time::Duration;

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{ObjectQueueState, ObjectUse, Upload, UploadId};

use crate::file_fixture::{LEASE, LIFETIME, content};

/// Shortest grace of objects of deleted files.
const SHORTEST_GRACE: Duration = Duration::from_mins(1);

/// Everything about objects, of all spaces, and the time that has passed.
#[derive(Default)]
pub(super) struct ObjectStore {
    now: Duration,
    /// Live files, each with where its object is.
    pub(super) live: Vec<((SpaceId, FileId), Upload)>,
    queue: Vec<Entry>,
}

/// An object in the queue.
struct Entry {
    space: SpaceId,
    key: String,
    /// The attempt that it is.
    attempt: Option<UploadId>,
    due: Due,
}

/// Due time of an entry.
enum Due {
    /// At the end of the lifetime of an attempt.
    Over(Duration),
    /// Due after the grace; time of the deletion.
    Deleted(Duration),
    /// After it was claimed so often before.
    Again(Duration, u32),
}

impl Entry {
    fn at(&self, grace: Duration) -> Duration {
        match self.due {
            Due::Over(at) | Due::Again(at, _) => at,
            Due::Deleted(at) => at + grace.max(SHORTEST_GRACE),
        }
    }

    fn claims(&self) -> u32 {
        if let Due::Again(_, claims) = self.due { claims } else { 0 }
    }
}

/// Outcome of sweeping a claimed object.
#[derive(Clone, Copy, Debug)]
pub(super) enum SweepOutcome {
    Removed,
    Postponed,
    /// The sweeper dies.
    Abandoned,
}

/// For how long a postponed object is left alone.
pub(super) const DELAY: Duration = Duration::from_mins(45);

impl ObjectStore {
    pub(super) fn pass(&mut self, by: Duration) {
        self.now += by;
    }

    /// The object of a live file is to be removed.
    pub(super) fn tombstone(&mut self, space: SpaceId, file: FileId) {
        let place = self.live.iter().position(|(id, _)| *id == (space, file)).unwrap();
        let (_, upload) = self.live.remove(place);
        let due = Due::Deleted(self.now);
        self.queue.push(Entry { space, key: upload.object.to_string(), attempt: None, due });
    }

    pub(super) fn begin(&mut self, space: SpaceId, upload: &Upload) {
        let due = Due::Over(self.now + LIFETIME);
        self.queue.push(Entry { space, key: upload.object.to_string(), attempt: Some(upload.id), due });
    }

    /// Of an attempt that was not committed.
    pub(super) fn abort(&mut self, space: SpaceId, upload: &Upload) {
        let now = self.now;
        match self.queue.iter_mut().find(|entry| entry.attempt == Some(upload.id)) {
            Some(Entry { due: Due::Over(at), .. }) => *at = now.min(*at),
            Some(_) => {}
            None => {
                self.begin(space, upload);
                self.abort(space, upload);
            }
        }
    }

    /// Removes the entry of an attempt; true if it was still open.
    pub(super) fn take(&mut self, upload: &Upload) -> bool {
        let is_open = |entry: &Entry| {
            entry.attempt == Some(upload.id) && matches!(entry.due, Due::Over(at) if at > self.now)
        };
        let place = self.queue.iter().position(is_open);
        place.map(|place| self.queue.remove(place)).is_some()
    }

    /// Names and earlier claims of what is claimed, in the order of the names.
    pub(super) fn sweep(&mut self, grace: Duration, outcome: SweepOutcome) -> Vec<(SpaceId, String, u32)> {
        let (now, mut claimed) = (self.now, Vec::new());
        for entry in self.queue.iter_mut().filter(|entry| entry.at(grace) <= now) {
            let claims = entry.claims();
            claimed.push((entry.space, entry.key.clone(), claims));
            let wait = if matches!(outcome, SweepOutcome::Postponed) { DELAY } else { LEASE };
            entry.due = Due::Again(now + wait, claims + 1);
        }
        if matches!(outcome, SweepOutcome::Removed) {
            self.queue.retain(|entry| !claimed.iter().any(|(_, key, _)| *key == entry.key));
        }
        claimed.sort();
        claimed
    }

    pub(super) fn object_use(&self, key: &str) -> ObjectUse {
        if self.live.iter().any(|(_, upload)| upload.object.to_string() == key) {
            return ObjectUse::Live { size: content().size };
        }
        if self.queue.iter().any(|entry| entry.key == key) { ObjectUse::Queued } else { ObjectUse::Orphan }
    }

    /// State of the queue; the age of the oldest due entry is exact to the minute only.
    pub(super) fn state(&self, grace: Duration) -> ObjectQueueState {
        let is_running = |entry: &&Entry| matches!(entry.due, Due::Over(at) if at > self.now);
        let uploads = self.queue.iter().filter(is_running).count() as u64;
        let oldest = self.queue.iter().map(|entry| entry.at(grace)).min();
        ObjectQueueState {
            uploads,
            pending_delete: self.queue.len() as u64 - uploads,
            oldest_due: oldest.and_then(|at| self.now.checked_sub(at)),
        }
    }
}
