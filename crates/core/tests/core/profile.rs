//! The CBOR profile (protocol §2.1), with a second decoder as the judge of what is well-formed.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod item;
mod limits;
mod processor_time;
mod properties;
