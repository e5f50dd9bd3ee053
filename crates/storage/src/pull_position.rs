//! Position of a pull on the timeline of its space.

use less_sync_core::Cursor;

/// Position of a pull between two pages. Only [`PullState::start`](crate::PullState::start) and adapters create one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullPosition {
    /// Cursor of the last row delivered.
    pub cursor: Cursor,
    /// Rank of the last row delivered, see [`Row`](crate::Row).
    pub rank: u8,
    /// Id of the last row delivered; of a membership entry its place in the log, big endian.
    pub id: [u8; 16],
}
