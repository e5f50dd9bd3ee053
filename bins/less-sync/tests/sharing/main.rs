//! People who share a space with the toolbox: a real server, a key directory for everybody, the real program.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

#[path = "../program/mod.rs"]
mod program;

mod development;
mod development_server;
mod files;
mod person;
mod rejections;
mod removal;
mod rotation;
mod together;
