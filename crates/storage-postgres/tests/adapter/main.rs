//! The adapter, on real servers.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests issue grants in place of the authorizer, and may panic"
)]

mod access;
mod conformance;
mod faults;
mod file_plans;
mod half_open;
mod harness;
mod inspection;
mod job_leases;
mod original;
mod plans;
mod pool;
mod pooler;
mod quotas;
mod races;
mod shared_plans;
mod shared_races;
