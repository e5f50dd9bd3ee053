//! Every type of the wire: what is written is read back, however a client would have spelled it, and no bytes
//! make reading panic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
mod check;
mod events;
mod keys;
mod members;
mod records;
mod respelled;
mod values;
