//! Memory of connections that do nothing.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;

use crate::cmd::bench::figures::{Figures, kib, mib};
use crate::cmd::bench::subject::Subject;
use crate::cmd::bench::watchers::{self, Board};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections, authenticated and subscribed
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Users, each with a space of its own, who take turns [default: as many as connections]
    #[arg(long)]
    users: Option<usize>,
}

/// From the last subscription to the look at the memory.
const SETTLE: Duration = Duration::from_secs(2);

#[expect(clippy::cast_precision_loss, reason = "connections are counted in thousands")]
pub(crate) async fn run(subject: &Subject, arguments: &Arguments) -> anyhow::Result<Figures> {
    let Arguments { connections, users } = *arguments;
    ensure!(connections > 0, "nothing to measure without a connection");
    let users = subject.users(users.unwrap_or(connections).max(1)).await?;
    // The first connection pays for what all share.
    drop(watchers::dial(subject.address(), users.get(..1).unwrap_or_default(), 1).await?);
    tokio::time::sleep(SETTLE).await;
    let before = subject.process().resident()?;
    let links = watchers::dial(subject.address(), &users, connections).await?;
    let board = Board::new(connections, 0)?;
    let _watching = board.watch(links);
    tokio::time::sleep(SETTLE).await;
    let meter = subject.meter()?;
    tokio::time::sleep(SETTLE).await;
    let mut figures = Figures::new("idle");
    meter.add_to(&mut figures)?;
    ensure!(board.closed() == 0, "the server closed {} connections", board.closed());
    let after = subject.process().resident()?;
    figures.add("connections", connections);
    figures.add("users", users.len());
    figures.add_decimal("resident_before_mib", mib(before));
    figures.add_decimal("resident_after_mib", mib(after));
    figures.add_decimal("kib_per_connection", kib(after.saturating_sub(before)) / connections as f64);
    Ok(figures)
}
