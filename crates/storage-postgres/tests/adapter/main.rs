//! The adapter, on real servers.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stands where the authorizer does, and failing is how it says that something is wrong"
)]

mod access;
mod conformance;
mod faults;
mod file_plans;
mod harness;
mod original;
mod plans;
mod pool;
mod races;
mod shared_plans;
mod shared_races;
