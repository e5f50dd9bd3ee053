//! Composition of less-sync: configuration, wiring, tasks, shutdown.
//!
//! The only crate that names concrete adapters, reads the system clock and owns tasks. A [`Config`] starts a server:
//!
//! ```no_run
//! use less_sync_app::{Config, Overrides, Server, Sources};
//!
//! # async fn example(environment: std::collections::BTreeMap<String, String>) -> anyhow::Result<()> {
//! let config = Config::read(&Sources::from_environment(environment))?;
//! let mut server = Server::start(config, Overrides::default()).await?;
//! println!("listening on {}", server.address());
//! server.drain();
//! server.stopped().await?;
//! # Ok(())
//! # }
//! ```

mod admin;
mod advice;
mod blobs;
mod cli;
mod clock;
mod composition;
pub mod config;
mod dev;
mod exit_error;
mod file_limit;
mod healthcheck;
mod key_sets;
mod listen;
mod log_filter;
mod log_writer;
mod migrate;
mod process_metrics;
mod purge;
mod server;
mod service_manager;
mod shutdown;
mod signals;
mod store;
mod tasks;
mod telemetry;

pub use cli::{Process, run};
pub use clock::SystemClock;
pub use config::{Config, InvalidConfig, Sources, Values};
pub use key_sets::HttpKeySets;
pub use log_filter::LogFilter;
pub use migrate::run as run_migrator;
pub use server::{Overrides, Server};
pub use tasks::{JobOutcome, Tasks};
pub use telemetry::is_loggable;
