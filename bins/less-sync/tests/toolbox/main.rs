//! Tests of the toolbox program, against real servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers fail the test"
)]

mod admin;
mod bench;
mod cli;
mod compose;
mod demo;
mod development_server;
mod doctor;
mod documents;
mod federation;
mod files;
mod history_check;
mod javascript;
mod live;
mod login;
mod node_client;
mod personal_space;
mod process_one;
mod program;
mod python_client;
mod python_package;
mod records;
mod sharing;
mod terminal;
