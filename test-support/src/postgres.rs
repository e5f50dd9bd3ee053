//! PostgreSQL for tests: a shared or private server, and a database per test.
//!
//! The server is, in this order: the one in `LESS_TEST_DATABASE_URL`; a container, if a Docker engine is reachable; a
//! private cluster from local binaries. Without any of them the test fails and names all three. Tests of one
//! `cargo nextest` run share a server, and so do tests of one process under `cargo test`; it ends with them, however
//! they end.
//!
//! `LESS_TEST_POSTGRES_VERSION` asks for a major version; on any other the test fails.

mod container;
mod database;
mod durability;
mod local;
mod pooler;
mod proxied;
mod run;
mod server;
mod template;
mod version;
mod watcher;

pub use database::TestDatabase;
pub use durability::Durability;
pub use local::program;
pub use pooler::Pooler;
pub use server::PrivateServer;
