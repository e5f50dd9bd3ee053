//! The server in operation: start, readiness, development mode, fetching of keys, tasks, shutdown.

mod connections;
mod dev;
mod health;
mod key_sets;
mod scene;
mod shutdown;
mod tasks;
