//! The binary, as an operator meets it (operations §1, §10.1, §15).

#![expect(clippy::unwrap_used, reason = "whatever goes wrong in here has to fail a test, loudly")]

mod command;
mod create;
mod fsck;
mod postgres;
mod sqlite;
mod usage;
