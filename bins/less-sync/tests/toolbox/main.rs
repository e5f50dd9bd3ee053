//! Tests of the toolbox program, against real servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers fail the test"
)]

mod bench;
mod cli;
mod development_server;
mod documents;
mod files;
mod history_check;
mod node_client;
mod personal_space;
mod process_one;
mod program;
mod records;
mod sharing;
mod terminal;
