//! Time from launch to readiness, and memory of an idle server.

use std::time::Duration;

use clap::Args;

use crate::figures::{Figures, Latencies, mib};
use crate::launch::{LaunchedServer, Limits};
use crate::options::ServerOptions;

/// Load of `startup`.
#[derive(Debug, Args)]
pub struct Load {
    /// Launches, each in a new directory
    #[arg(long, default_value_t = 20)]
    launches: u32,
}

/// Time from the first response to the reading of the memory.
const SETTLE: Duration = Duration::from_secs(1);

pub(crate) async fn run(server: &ServerOptions, load: &Load) -> anyhow::Result<Figures> {
    anyhow::ensure!(server.pid.is_none(), "a running server cannot be launched");
    let mut latencies = Latencies::new()?;
    let mut resident = Vec::new();
    for _ in 0..load.launches {
        let mut launched = LaunchedServer::start(server, Limits::Raised)?;
        latencies.record(launched.until_healthy()?);
        tokio::time::sleep(SETTLE).await;
        resident.push(launched.process().resident()?);
        launched.stop()?;
    }
    resident.sort_unstable();
    let mut figures = Figures::new("startup");
    figures.add("launches", load.launches);
    figures.add_latencies("healthy", &latencies);
    let median = resident.get(resident.len() / 2).copied().unwrap_or_default();
    figures.add_decimal("idle_resident_median_mib", mib(median));
    figures.add_decimal("idle_resident_max_mib", mib(resident.last().copied().unwrap_or_default()));
    Ok(figures)
}
