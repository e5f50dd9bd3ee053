//! Tests of the adapter on real database files: one binary, a module for each area.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests issue grants like the authorizer, and fail by panicking"
)]

mod conformance;
mod crash;
mod cursor_jump;
mod faults;
mod files;
mod harness;
mod migrations;
mod names;
mod plans;
mod shared_faults;
