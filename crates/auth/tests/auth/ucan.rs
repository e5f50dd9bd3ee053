//! Chains of UCANs beyond the vectors (auth §6).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the keys and texts of these tests are good ones"
)]

mod bounds;
mod chains;
mod properties;
mod rules;
