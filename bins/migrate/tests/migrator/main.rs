//! The binary, as an operator meets it (operations §1, §10.1, §15).

#![expect(clippy::unwrap_used, reason = "test code may panic")]

mod bind;
mod command;
mod create;
mod fsck;
mod postgres;
mod sqlite;
mod usage;
