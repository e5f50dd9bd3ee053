//! Composition of less-sync: configuration, wiring, tasks, shutdown.
//!
//! The only crate that names concrete adapters, reads real time and owns tasks. A server is started from a [`Config`]:
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

mod blobs;
mod build;
mod cli;
mod clock;
pub mod config;
mod dev;
mod failure;
mod file_limit;
mod healthcheck;
mod key_sets;
mod listen;
mod migrate;
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
pub use migrate::run as run_migrator;
pub use server::{Overrides, Server};
pub use tasks::Tasks;
