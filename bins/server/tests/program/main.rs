//! The server as a program: its output, its exit codes, and its data after it is killed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has failed"
)]

mod process;
mod silent_database;

/// Servers, and their database, that are killed while clients work.
mod crashes {
    mod records;
    mod uploads;
}
