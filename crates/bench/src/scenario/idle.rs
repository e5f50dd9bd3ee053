//! Memory of idle connections.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;

use crate::figures::{Figures, kib, mib};
use crate::server::ServerUnderTest;
use crate::tracker::DeliveryTracker;
use crate::watchers;

/// Load of `idle`.
#[derive(Debug, Args)]
pub struct Load {
    /// Open connections, authenticated and subscribed
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Users, each with a personal space; connections rotate among them [default: as many as connections]
    #[arg(long)]
    users: Option<usize>,
}

/// Time from the last subscription to the reading of the memory.
const SETTLE: Duration = Duration::from_secs(2);

#[expect(clippy::cast_precision_loss, reason = "connections are counted in thousands")]
pub(crate) async fn run(server: &ServerUnderTest, load: &Load) -> anyhow::Result<Figures> {
    let Load { connections, users } = *load;
    ensure!(connections > 0, "nothing to measure without a connection");
    let users = server.users(users.unwrap_or(connections).max(1)).await?;
    // Memory that all connections share is allocated by the first one, before the baseline is read.
    drop(watchers::dial(server.address(), users.get(..1).unwrap_or_default(), 1).await?);
    tokio::time::sleep(SETTLE).await;
    let before = server.process().resident()?;
    let opened = watchers::dial(server.address(), &users, connections).await?;
    let tracker = DeliveryTracker::new(connections, 0)?;
    let _watching = tracker.watch(opened);
    tokio::time::sleep(SETTLE).await;
    let meter = server.meter()?;
    tokio::time::sleep(SETTLE).await;
    let mut figures = Figures::new("idle");
    meter.add_to(&mut figures)?;
    ensure!(tracker.closed() == 0, "the server closed {} connections", tracker.closed());
    let after = server.process().resident()?;
    figures.add("connections", connections);
    figures.add("users", users.len());
    figures.add_decimal("resident_before_mib", mib(before));
    figures.add_decimal("resident_after_mib", mib(after));
    figures.add_decimal("kib_per_connection", kib(after.saturating_sub(before)) / connections as f64);
    Ok(figures)
}
