//! How many transfers there may be at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for transfers.
pub(super) struct Room {
    places: Arc<Semaphore>,
    all: usize,
}

/// A place, until it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Room {
    pub(super) fn new(places: usize) -> Self {
        let all = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(all)), all }
    }

    /// Takes a place, if there is one: whoever has to wait does that better elsewhere.
    pub(super) fn take(&self) -> Option<Place> {
        self.places.clone().try_acquire_owned().ok()
    }

    pub(super) fn taken(&self) -> usize {
        self.all.saturating_sub(self.places.available_permits())
    }
}
