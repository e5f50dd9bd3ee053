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
mod deployment;
mod deployment_jobs;
mod dev;
mod doctor;
mod document_client;
mod exit_error;
#[cfg(feature = "federation")]
mod federation;
#[cfg(not(feature = "federation"))]
#[path = "without_federation.rs"]
mod federation;
mod file_limit;
mod healthcheck;
mod issuer;
mod journal;
#[cfg(feature = "federation")]
mod key_fragment;
mod key_sets;
#[cfg(feature = "federation")]
mod keygen;
mod listen;
mod log_filter;
mod log_writer;
mod migrate;
mod offline_store;
#[cfg(feature = "otel")]
mod otel;
#[cfg(not(feature = "otel"))]
#[path = "no_otel.rs"]
mod otel;
#[cfg(feature = "federation")]
mod peer_dialer;
#[cfg(feature = "federation")]
mod peer_fetcher;
#[cfg(feature = "federation")]
mod peer_transfers;
mod process_metrics;
mod programs;
mod purge;
mod rewraps;
mod server;
mod service_manager;
mod shutdown;
mod signals;
mod store;
mod tasks;
mod telemetry;

pub use cli::Process;
pub use clock::SystemClock;
pub use config::{Config, InvalidConfig, Sources, Values};
pub use key_sets::HttpKeySets;
#[cfg(feature = "federation")]
pub use keygen::run as run_keygen;
pub use log_filter::LogFilter;
pub use migrate::run as run_migrator;
pub use programs::run_by_name;
pub use server::{Overrides, Server};
pub use tasks::{JobOutcome, Tasks};
pub use telemetry::is_loggable;
