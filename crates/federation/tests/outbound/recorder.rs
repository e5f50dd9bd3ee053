//! Receiver of the events of homes that remembers them.

use bytes::Bytes;
use less_sync_core::{Cursor, SpaceId};
use less_sync_engine::ports::{EphemeralChange, PeerName};
use less_sync_engine::{HomeChange, HomeEvents, HomePosition};
use less_sync_storage::Row;
use parking_lot::Mutex;

/// Event as local subscribers have received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Changed(u64, u64),
    Row(u64),
    Hint(u64),
    Rewound(u64),
    Revoked,
    Resubscribe,
}

/// Broker of the tests, which delivers everything at once.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) told: Mutex<Vec<Told>>,
    pub(crate) frames: Mutex<Vec<Bytes>>,
    pub(crate) delivered: Mutex<Option<u64>>,
}

impl HomeEvents for Recorder {
    fn delivered(&self, _space: SpaceId) -> Option<Cursor> {
        self.delivered.lock().and_then(|delivered| Cursor::new(delivered).ok())
    }

    fn changed(&self, _space: SpaceId, change: HomeChange) {
        self.told.lock().push(Told::Changed(change.prev.get(), change.position.cursor.get()));
        self.frames.lock().push(change.frame);
        *self.delivered.lock() = Some(change.position.cursor.get());
    }

    fn catching_up(&self, _space: SpaceId) {}

    fn rows(&self, _space: SpaceId, _position: HomePosition, rows: &[Row]) {
        for row in rows {
            self.told.lock().push(Told::Row(row.cursor().get()));
            *self.delivered.lock() = Some(row.cursor().get());
        }
    }

    fn caught_up(&self, space: SpaceId, position: HomePosition) -> bool {
        let is_missing = self.delivered(space) < Some(position.cursor);
        if is_missing {
            self.hint(space, position);
        }
        is_missing
    }

    fn hint(&self, _space: SpaceId, position: HomePosition) {
        self.told.lock().push(Told::Hint(position.cursor.get()));
        *self.delivered.lock() = Some(position.cursor.get());
    }

    fn rewound(&self, _space: SpaceId, position: HomePosition) {
        self.told.lock().push(Told::Rewound(position.cursor.get()));
        *self.delivered.lock() = Some(position.cursor.get());
    }

    fn revoked(&self, _space: SpaceId) {
        self.told.lock().push(Told::Revoked);
    }

    fn resubscribe(&self, _space: SpaceId) {
        self.told.lock().push(Told::Resubscribe);
    }

    fn ephemeral(&self, _: &EphemeralChange) {}

    fn present(&self, _: SpaceId, _: Vec<(PeerName, Bytes)>) {}

    fn local_presence(&self, _: SpaceId) -> Vec<EphemeralChange> {
        Vec::new()
    }
}
