//! Memory after connections came and went.

use std::time::Duration;

use clap::Args;

use crate::cmd::bench::figures::{Figures, mib};
use crate::cmd::bench::link::Link;
use crate::cmd::bench::subject::Subject;
use crate::cmd::bench::watchers;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections in all
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Connections at once
    #[arg(long, default_value_t = 1000)]
    at_once: usize,
    /// Users, each with a token and a space of its own, who take turns
    #[arg(long, default_value_t = 100)]
    users: usize,
}

/// From the last goodbye to the look at the memory.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) async fn run(subject: &Subject, arguments: &Arguments) -> anyhow::Result<Figures> {
    let users = subject.users(arguments.users.max(1)).await?;
    let process = subject.process();
    tokio::time::sleep(SETTLE).await;
    let (before, files_before) = (process.resident()?, process.files()?);
    let (mut left, mut peak) = (arguments.connections, before);
    let meter = subject.meter()?;
    while left > 0 {
        let count = left.min(arguments.at_once.max(1));
        let links = watchers::dial(subject.address(), &users, count).await?;
        peak = peak.max(process.resident()?);
        end(links).await;
        left -= count;
    }
    let mut figures = Figures::new("churn");
    meter.add_to(&mut figures)?;
    tokio::time::sleep(SETTLE).await;
    let (after, files_after) = (process.resident()?, process.files()?);
    figures.add("connections", arguments.connections);
    figures.add("at_once", arguments.at_once);
    figures.add("users", users.len());
    figures.add_decimal("resident_before_mib", mib(before));
    figures.add_decimal("resident_peak_mib", mib(peak));
    figures.add_decimal("resident_after_mib", mib(after));
    figures.add_decimal("resident_growth_mib", mib(after.saturating_sub(before)));
    figures.add("files_before", files_before);
    figures.add("files_after", files_after);
    Ok(figures)
}

/// Half of them say goodbye, half of them vanish.
async fn end(links: Vec<Link>) {
    for (number, link) in links.into_iter().enumerate() {
        if number % 2 == 0 {
            // One that is gone already needs no goodbye.
            let _gone = link.leave().await;
        }
    }
}
