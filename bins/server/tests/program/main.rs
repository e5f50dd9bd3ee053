//! The server as a program: its output, its exit codes, and its data after it is killed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has failed"
)]

mod doctor;
mod drain;
#[cfg(feature = "otel")]
mod otel;
mod process;
mod silent_database;

/// Servers, and their database, that are killed while clients work.
mod crashes {
    mod disk;
    mod nodes;
    mod records;
    mod uploads;

    /// Number of kills of a run: `LESS_SYNC_KILLS`, or the default of the test.
    fn kills(default: u32) -> u32 {
        #[expect(clippy::disallowed_methods, reason = "test configuration from the environment")]
        let kills = std::env::var("LESS_SYNC_KILLS").ok().and_then(|kills| kills.parse().ok());
        kills.unwrap_or(default)
    }
}
