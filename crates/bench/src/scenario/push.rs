//! Durable pushes, in a closed loop or at a fixed rate.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;

use crate::connection::LoadConnection;
use crate::figures::{Figures, Latencies, rate};
use crate::paced_writer::{Schedule, write};
use crate::period::Period;
use crate::pushes::PushGenerator;
use crate::server::{ServerUnderTest, User};
use crate::shared_space::SharedSpace;
use crate::tasks::join_all;

/// Load of `push`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections, each with its own user, pushing to the user's personal space
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Maximum pushes in flight per connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    window: u32,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// New records per push
    #[arg(long, default_value_t = 1)]
    records: usize,
    /// Push from all connections to one space of one user
    #[arg(long)]
    same_space: bool,
    /// Push to shared spaces, authorized by chains of three UCANs
    #[arg(long)]
    shared: bool,
    /// Pushes per second in total, each timed from its scheduled time [default: as fast as the windows allow]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let users = users(server, load).await?;
    let mut connections = Vec::new();
    for user in users.iter().cycle().take(load.connections) {
        connections.push((LoadConnection::open(server.address(), &user.token).await?, user.clone()));
    }
    let mut figures = Figures::new("push");
    server.probe_disk(&mut figures)?;
    let period = Period::start(time);
    let latencies = Rc::new(RefCell::new(Latencies::new()?));
    let mut tasks = JoinSet::new();
    for (connection, user) in connections {
        let writes = PushGenerator::of(&user, load.records, load.size);
        tasks.spawn_local(write(connection, writes, schedule(load), period, latencies.clone()));
    }
    period.begin().await;
    let meter = server.meter()?;
    join_all(tasks, "a writer").await?;
    meter.add_to(&mut figures)?;
    let latencies = latencies.borrow();
    figures.add("connections", load.connections);
    figures.add("window", load.window);
    figures.add("chain_tokens", if load.shared { DEPTH } else { 0 });
    figures.add("record_bytes", load.size);
    figures.add("records_per_push", load.records);
    figures.add("pushes", latencies.count());
    figures.add_decimal("pushes_per_s", rate(latencies.count(), period.time()));
    figures.add_latencies("push", &latencies);
    Ok(figures)
}

/// Tokens in the chain from the owner of a shared space to the member that pushes.
const DEPTH: usize = 3;

async fn users(server: &ServerUnderTest, load: &Load) -> anyhow::Result<Vec<User>> {
    let count = if load.same_space { 1 } else { load.connections };
    if !load.shared {
        return server.users(count).await;
    }
    let mut users = Vec::with_capacity(count);
    for number in 0..count {
        let space = SharedSpace::create(server).await?;
        users.push(space.member(server, &format!("bench-{number}"), DEPTH).await?);
    }
    Ok(users)
}

fn schedule(load: &Load) -> Schedule {
    let window = load.window as usize;
    let interval = |rate: u32| Duration::from_secs(load.connections as u64) / rate;
    load.rate
        .map(interval)
        .map_or_else(|| Schedule::closed(window), |interval| Schedule::open(window, interval))
}
