//! Load generator for less-sync servers: scenarios, and the figures that they measure.
//!
//! [`run`] measures one [`Scenario`] against a server: one that it launches in a temporary directory and stops
//! afterwards, or a running development server named by its process id (see [`ServerOptions`]). The result is a list of
//! named [`Figures`]: rates, latency percentiles, processor time and memory of the server process.
//!
//! # Method
//!
//! * **Closed loop.** A scenario keeps a bounded window of requests in flight, so a slow server is not flooded. The
//!   exception is `push --rate`, an open loop: each push is timed from the moment it was *due*, even if the window
//!   delayed it. Timing it from the moment it was sent would hide the delays that the server itself causes
//!   (coordinated omission).
//! * **Warm-up.** A tenth of the time, at most one second, precedes the measured period and counts for nothing.
//! * **A cheap generator.** Generator and server share the machine. Connections parse frame headers only, skip payloads
//!   in the read buffer, mask with zeros, and share one thread and one read buffer.
//! * **Verified counts.** A scenario fails if a response, a delivery or a chunk is missing; it never reports figures of
//!   work that was not done.
//! * **Histograms.** Latencies are recorded in HDR histograms of three significant digits, from before a request is
//!   encoded to the read that completed its response or delivery.
//!
//! Clients use [`tokio::task::spawn_local`], so [`run`] must be called within a [`tokio::task::LocalSet`].
//! `benches/README.md` explains each figure and has the results of past runs.

mod clock;
mod connection;
mod disk;
mod federated_pair;
mod figures;
mod frames;
mod launch;
mod options;
mod paced_writer;
mod period;
mod process;
mod pushes;
mod scenario;
mod server;
mod shared_space;
mod tasks;
mod tracker;
mod watchers;
mod writer;

use less_sync_client::ServerUrl;

pub use figures::Figures;
pub use launch::{LaunchedServer, Limits};
pub use options::ServerOptions;
pub use scenario::Scenario;

/// Measures one scenario. `url` is the address of a running server; a launched one has its own.
///
/// Raises the limit of open files of this process, which a launched server inherits.
///
/// # Errors
/// The server cannot be started or reached, or the scenario did not do all of its work.
pub async fn run(scenario: &Scenario, server: &ServerOptions, url: &ServerUrl) -> anyhow::Result<Figures> {
    process::raise_file_limit();
    scenario.measure(server, url).await
}
