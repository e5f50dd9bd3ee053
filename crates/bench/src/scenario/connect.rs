//! Dialling, authentication and subscription, repeated.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;

use crate::clock;
use crate::connection::{LoadConnection, ServerAddress};
use crate::figures::{Figures, Latencies, rate};
use crate::period::Period;
use crate::server::{ServerUnderTest, User};
use crate::tasks::join_all;

/// Load of `connect`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections being opened at a time
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// Users, each with a token and a personal space; connections rotate among them
    #[arg(long, default_value_t = 100)]
    users: usize,
}

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let users: Rc<[User]> = server.users(load.users.max(1)).await?.into();
    let period = Period::start(time);
    let latencies = Rc::new(RefCell::new(Latencies::new()?));
    let mut tasks = JoinSet::new();
    for offset in 0..load.concurrency {
        tasks.spawn_local(connect(
            server.address().clone(),
            users.clone(),
            offset,
            period,
            latencies.clone(),
        ));
    }
    period.begin().await;
    let meter = server.meter()?;
    join_all(tasks, "a client").await?;
    let mut figures = Figures::new("connect");
    meter.add_to(&mut figures)?;
    let latencies = latencies.borrow();
    figures.add("concurrency", load.concurrency);
    figures.add("users", users.len());
    figures.add("connects", latencies.count());
    figures.add_decimal("connects_per_s", rate(latencies.count(), period.time()));
    figures.add_latencies("connect", &latencies);
    Ok(figures)
}

async fn connect(
    address: ServerAddress,
    users: Rc<[User]>,
    offset: usize,
    period: Period,
    latencies: Rc<RefCell<Latencies>>,
) -> anyhow::Result<()> {
    let turns = users.iter().cycle().skip(offset % users.len().max(1));
    for user in turns.take_while(|_| !period.is_over()) {
        let began = clock::instant();
        let mut connection = LoadConnection::open(&address, &user.token).await?;
        connection.subscribe(user.space, None).await?;
        let now = clock::instant();
        if period.contains(now) {
            latencies.borrow_mut().record(now - began);
        }
        connection.close().await?;
    }
    Ok(())
}
