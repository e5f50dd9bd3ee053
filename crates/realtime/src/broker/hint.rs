//! The pull hint: a `sync` that says "there is more" instead of what (protocol §2.7).

use bytes::Bytes;
use less_sync_core::wire::{event::Sync, method};
use less_sync_core::{Cursor, Epoch, SpaceId, frame};
use less_sync_storage::Space;

/// Where a space stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its cursor.
    pub cursor: Cursor,
    /// Its key generation.
    pub key_generation: Epoch,
    /// Its pending rewrap.
    pub rewrap_epoch: Option<Epoch>,
}

impl From<&Space> for Position {
    fn from(space: &Space) -> Self {
        Self { cursor: space.cursor, key_generation: space.key_generation, rewrap_epoch: space.rewrap_epoch }
    }
}

/// The frame that makes a client pull up to this position.
pub(super) fn encode(space: SpaceId, position: Position) -> Bytes {
    let Position { cursor, key_generation, rewrap_epoch } = position;
    let hint = Sync { space, prev: cursor, cursor, key_generation, rewrap_epoch, records: Vec::new() };
    frame::notification(method::SYNC, &hint)
}

/// Hints for one space, each encoded once for all who get it.
#[derive(Debug)]
pub(super) struct Hints {
    space: SpaceId,
    /// The newest position known, which knows the key generation.
    newest: Position,
    latest: Option<(Cursor, Bytes)>,
    made: u64,
}

impl Hints {
    pub(super) fn new(space: SpaceId, newest: Position) -> Self {
        Self { space, newest, latest: None, made: 0 }
    }

    pub(super) fn space(&self) -> SpaceId {
        self.space
    }

    /// The hint to pull up to `cursor`.
    pub(super) fn frame(&mut self, cursor: Cursor) -> Bytes {
        self.made += 1;
        match &self.latest {
            Some((at, frame)) if *at == cursor => frame.clone(),
            Some(_) | None => {
                let frame = encode(self.space, Position { cursor, ..self.newest });
                self.latest = Some((cursor, frame.clone()));
                frame
            }
        }
    }

    /// How many hints were given out.
    pub(super) fn made(&self) -> u64 {
        self.made
    }
}
