//! Pushes to many watchers of one space.

use std::time::Duration;

use clap::Args;
use futures_util::future::try_join_all;
use less_sync_client::ServerUrl;

use crate::connection::LoadConnection;
use crate::figures::Figures;
use crate::period::Period;
use crate::pushes::PushGenerator;
use crate::server::{ServerUnderTest, resolve};
use crate::watchers::Watchers;
use crate::writer;

/// Load of `fan-out`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections that watch the space
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
    /// Another node of the deployment, to which the watchers connect [default: the server under test]
    #[arg(long, value_name = "URL", value_parser = ServerUrl::parse)]
    watchers_at: Option<ServerUrl>,
    /// Maximum pushes in flight, not yet delivered to every watcher
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Connections that push, each with its share of the window
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    writers: u16,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 512)]
    size: usize,
}

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let user = server.user().await?;
    let address = match &load.watchers_at {
        Some(url) => resolve(url).await?,
        None => server.address().clone(),
    };
    let watchers = Watchers::open(&address, std::slice::from_ref(&user), load.watchers, load.window).await?;
    let mut writers = Vec::new();
    for _ in 0..load.writers {
        writers.push(LoadConnection::open(server.address(), &user.token).await?);
    }
    let mut figures = Figures::new("fan_out");
    server.probe_disk(&mut figures)?;
    let period = Period::start(time);
    let share = load.window.div_ceil(load.writers);
    let pushing = writers.into_iter().map(|connection| {
        let pushes = PushGenerator::new(user.space, 1, load.size);
        writer::write(connection, pushes, &watchers.tracker, share, period)
    });
    let pushing = async { try_join_all(pushing).await.map(drop) };
    let deliveries = watchers.measure_load(server, period, pushing, &mut figures).await?;
    figures.add("watchers", load.watchers);
    figures.add("window", load.window);
    figures.add("writers", load.writers);
    figures.add("record_bytes", load.size);
    deliveries.add_to(&mut figures, "pushes", period);
    Ok(figures)
}
