//! The vectors of the wire, every one of them.
//!
//! A vector is either settled here or named in a list with the reason why `core` alone cannot settle it; the
//! tests fail when the lists and the files disagree.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod documents;
mod file;
mod golden;
mod ids;
mod malformed;
mod schema;
mod tree;
