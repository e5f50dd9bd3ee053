//! Position of a space in its history.

use less_sync_core::{Cursor, Epoch};
use less_sync_storage::Space;

/// Cursor of a space, with the key generation and the rewrap that were current at that cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Cursor of the space.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Epoch of the pending rewrap, if one is pending.
    pub rewrap_epoch: Option<Epoch>,
}

impl From<&Space> for Position {
    fn from(space: &Space) -> Self {
        Self { cursor: space.cursor, key_generation: space.key_generation, rewrap_epoch: space.rewrap_epoch }
    }
}
