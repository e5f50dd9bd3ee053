//! The binary, as an operator meets it (operations §10.2), beside the real server.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code may panic")]

mod command;
mod generation;
mod lifecycle;
mod published;
mod rotation;
mod usage;
