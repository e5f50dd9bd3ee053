//! Pushes and deliveries by way of a second server.
//!
//! Every figure is measured twice with the same load, once with clients of the home and once with clients of the other server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::clock;
use crate::connection::LoadConnection;
use crate::federated_pair::FederatedPair;
use crate::figures::{Figures, Latencies};
use crate::options::ServerOptions;
use crate::paced_writer::{self, Schedule};
use crate::period::Period;
use crate::pushes::{PushGenerator, PushResponses};
use crate::server::{ServerUnderTest, User};
use crate::shared_space::SharedSpace;
use crate::tracker::{Deliveries, DeliveryTracker};
use crate::watchers::Watchers;
use crate::writer;

/// Load of `federation`.
#[derive(Debug, Args)]
pub struct Load {
    /// Pushes per second of the live events
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Connections that watch the space in the fan-out
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 512)]
    size: usize,
}

/// Tokens in the chain of a member.
const DEPTH: usize = 2;

/// Pushes of the live events that are not delivered yet.
const WINDOW: u16 = 512;

pub(crate) async fn run(options: &ServerOptions, load: &Load) -> anyhow::Result<Figures> {
    let pair = FederatedPair::launch(options).await?;
    let measured = measure(&pair, load, options.time).await;
    pair.stop(measured).await
}

async fn measure(pair: &FederatedPair, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let mut figures = Figures::new("federation");
    pair.home.probe_disk(&mut figures)?;
    let space = SharedSpace::create(&pair.home).await?;
    let owner = space.owner(&pair.home).await?;
    let member = space.member(&pair.federated, "bench-member", DEPTH).await?;
    pair.pin(&member).await?;
    let clients = [("home", &pair.home, &owner), ("federated", &pair.federated, &member)];
    figures.add("record_bytes", load.size);
    let mut quantiles = Vec::new();
    for (name, server, user) in clients {
        let latencies = push(server, user, load.size, time).await?;
        figures.add_latencies(&format!("push_{name}"), &latencies);
        quantiles.push([0.5, 0.99].map(|quantile| latencies.quantile_ms(quantile)));
    }
    if let [home, federated] = quantiles.as_slice() {
        for (name, (home, federated)) in ["p50", "p99"].into_iter().zip(home.iter().zip(federated)) {
            figures.add_decimal(format!("push_added_{name}_ms"), federated - home);
        }
    }
    figures.add("live_max_pushes_per_s", load.rate);
    for (name, server, user) in clients {
        let watchers = Watchers::open(server.address(), std::slice::from_ref(user), 1, WINDOW).await?;
        let writer = LoadConnection::open(pair.home.address(), &owner.token).await?;
        let pushes = PushGenerator::of(&owner, 1, load.size);
        let period = Period::start(time);
        let pushing = pace(writer, pushes, &watchers.tracker, load.rate, period);
        let deliveries = observe(&watchers, period, pushing).await?;
        figures.add(format!("live_{name}_events"), deliveries.count);
        figures.add_latencies(&format!("live_{name}"), &deliveries.each);
    }
    figures.add("watchers", load.watchers);
    for (name, server, user) in clients {
        let watchers = Watchers::open(server.address(), std::slice::from_ref(user), load.watchers, 1).await?;
        let writer = LoadConnection::open(pair.home.address(), &owner.token).await?;
        let pushes = PushGenerator::of(&owner, 1, load.size);
        let period = Period::start(time);
        let pushing = writer::write(writer, pushes, &watchers.tracker, 1, period);
        let deliveries = observe(&watchers, period, pushing).await?;
        figures.add_latencies(&format!("fan_out_{name}_last"), &deliveries.last);
    }
    Ok(figures)
}

/// Latencies of pushes one after another.
async fn push(
    server: &ServerUnderTest,
    user: &User,
    size: usize,
    time: Duration,
) -> anyhow::Result<Latencies> {
    let connection = LoadConnection::open(server.address(), &user.token).await?;
    let latencies = Rc::new(RefCell::new(Latencies::new()?));
    let pushes = PushGenerator::of(user, 1, size);
    let period = Period::start(time);
    paced_writer::write(connection, pushes, Schedule::closed(1), period, latencies.clone()).await?;
    let latencies = latencies.borrow().clone();
    Ok(latencies)
}

async fn observe(
    watchers: &Watchers,
    period: Period,
    load: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Deliveries> {
    let end = async {
        period.end().await;
        Ok(())
    };
    Ok(watchers.observe_load(period, load, end).await?.0)
}

/// Pushes `rate` times per second, as far as the window has room.
async fn pace(
    mut connection: LoadConnection,
    mut pushes: PushGenerator,
    tracker: &DeliveryTracker,
    rate: u32,
    period: Period,
) -> anyhow::Result<()> {
    /// Interval in which pushes are sent together.
    const PACE: Duration = Duration::from_millis(1);
    let (mut out, mut responses, began) = (Vec::new(), PushResponses::default(), clock::instant());
    while !period.is_over() {
        out.clear();
        let elapsed = clock::instant().saturating_duration_since(began).as_micros();
        while u128::from(tracker.sent()) * 1_000_000 < elapsed * u128::from(rate) && tracker.try_send() {
            pushes.append(&mut out);
        }
        connection.send_framed(&out).await.context("writer connection closed")?;
        tokio::select! {
            read = connection.read(&mut responses) => read.context("writer connection closed")?,
            () = tokio::time::sleep(PACE) => {}
        }
        responses.check()?;
        responses.cursors.clear();
        ensure!(tracker.closed() == 0, "the server closed the connection of a watcher");
    }
    // The connection stays open until everything is delivered.
    ensure!(tracker.settle().await, "deliveries are missing: {} pushes outstanding", tracker.outstanding());
    Ok(())
}
