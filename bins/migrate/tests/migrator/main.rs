//! The binary, as an operator meets it (operations §1, §10.1, §15).

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code may panic")]

mod after_restore;
mod backup;
mod bind;
mod command;
mod create;
mod documents;
mod drill;
mod fsck;
mod maintenance;
mod postgres;
mod route;
mod site;
mod sqlite;
mod usage;
mod verify;
