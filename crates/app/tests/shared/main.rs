//! Shared spaces from the outside: who may do what, the membership log, revocations, and what ends with a right
//! (protocol §4.1–§4.10, auth §6, §10).

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "whatever goes wrong in here has to fail a test, loudly"
)]

mod access;
mod catch_up;
mod expiry;
mod log;
mod log_limits;
mod outage;
mod races;
mod rejections;
mod revocation;
