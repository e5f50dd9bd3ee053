//! The server in operation: start, readiness, development mode, fetching of keys, tasks, shutdown.

mod connections;
mod dev;
mod fixture;
mod health;
mod key_sets;
mod shutdown;
mod tasks;
