//! PostgreSQL for tests: a server that is there or is made, and a database of its own for each test.
//!
//! The server is, in this order: the one that `LESS_TEST_DATABASE_URL` names; a container, if a Docker engine answers;
//! a private cluster from local binaries. Without any of them the test fails and names all three. Tests of one
//! `cargo nextest` run share a server, and so do tests of one process under `cargo test`; it ends with them, however
//! they end.

mod container;
mod database;
mod local;
mod run;
mod server;
mod template;
mod watcher;

pub use database::TestDatabase;
pub use server::{Durability, PrivateServer};
