//! Rules that need no database, so that every adapter applies the same ones.

mod claim;
mod outdated_keys;
mod rewrap;
mod rewrap_pieces;

pub use outdated_keys::OutdatedKeys;
pub use rewrap::{DekRow, RewrapVerdict};
pub use rewrap_pieces::{REWRAP_ROWS, RewrapPieces};
