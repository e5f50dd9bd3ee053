//! Rules that need no database, so that every adapter applies the same ones.

mod claim;
mod rewrap;

pub use rewrap::{DekRow, RewrapVerdict};
