//! Memory after many connections were opened and closed.

use std::time::Duration;

use clap::Args;

use crate::connection::LoadConnection;
use crate::figures::{Figures, mib};
use crate::server::ServerUnderTest;
use crate::watchers;

/// Load of `churn`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections opened in total
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Connections open at a time
    #[arg(long, default_value_t = 1000)]
    at_once: usize,
    /// Users, each with a token and a personal space; connections rotate among them
    #[arg(long, default_value_t = 100)]
    users: usize,
}

/// Time from the last close to the reading of the memory.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) async fn run(server: &ServerUnderTest, load: &Load) -> anyhow::Result<Figures> {
    let users = server.users(load.users.max(1)).await?;
    let process = server.process();
    tokio::time::sleep(SETTLE).await;
    let (before, files_before) = (process.resident()?, process.files()?);
    let (mut left, mut peak) = (load.connections, before);
    let meter = server.meter()?;
    while left > 0 {
        let count = left.min(load.at_once.max(1));
        let connections = watchers::dial(server.address(), &users, count).await?;
        peak = peak.max(process.resident()?);
        end(connections).await;
        left -= count;
    }
    let mut figures = Figures::new("churn");
    meter.add_to(&mut figures)?;
    tokio::time::sleep(SETTLE).await;
    let (after, files_after) = (process.resident()?, process.files()?);
    figures.add("connections", load.connections);
    figures.add("at_once", load.at_once);
    figures.add("users", users.len());
    figures.add_decimal("resident_before_mib", mib(before));
    figures.add_decimal("resident_peak_mib", mib(peak));
    figures.add_decimal("resident_after_mib", mib(after));
    figures.add_decimal("resident_growth_mib", mib(after.saturating_sub(before)));
    figures.add("files_before", files_before);
    figures.add("files_after", files_after);
    Ok(figures)
}

/// Ends half of the connections with a close frame, and half by dropping the socket.
async fn end(connections: Vec<LoadConnection>) {
    for (number, connection) in connections.into_iter().enumerate() {
        if number % 2 == 0 {
            // Fails for a connection that the server has closed already.
            let _closed = connection.close().await;
        }
    }
}
