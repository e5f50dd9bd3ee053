//! Files in a personal space: a real server, a key directory, the real program.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

#[path = "../program/mod.rs"]
mod program;

mod interruptions;
mod listing;
mod rejections;
mod tampering;
mod terminal;
mod there_and_back;
