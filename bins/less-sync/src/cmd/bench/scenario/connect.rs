//! Dial, authenticate and subscribe, again and again.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::task::JoinSet;

use crate::clock;
use crate::cmd::bench::figures::{Figures, Latencies, rate};
use crate::cmd::bench::link::{Address, Link};
use crate::cmd::bench::loads::Span;
use crate::cmd::bench::subject::{Subject, User};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections that are being opened at once
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// Users, each with a token and a space of its own, who take turns
    #[arg(long, default_value_t = 100)]
    users: usize,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let users: Rc<[User]> = subject.users(arguments.users.max(1)).await?.into();
    let span = Span::of(time);
    let latencies = Rc::new(RefCell::new(Latencies::new()?));
    let mut tasks = JoinSet::new();
    for offset in 0..arguments.concurrency {
        tasks.spawn_local(connect(subject.address().clone(), users.clone(), offset, span, latencies.clone()));
    }
    span.begin().await;
    let meter = subject.meter()?;
    while let Some(done) = tasks.join_next().await {
        done.context("a client panicked")??;
    }
    let mut figures = Figures::new("connect");
    meter.add_to(&mut figures)?;
    let latencies = latencies.borrow();
    figures.add("concurrency", arguments.concurrency);
    figures.add("users", users.len());
    figures.add("connects", latencies.count());
    figures.add_decimal("connects_per_s", rate(latencies.count(), span.time()));
    figures.add_latencies("connect", &latencies);
    Ok(figures)
}

async fn connect(
    address: Address,
    users: Rc<[User]>,
    offset: usize,
    span: Span,
    latencies: Rc<RefCell<Latencies>>,
) -> anyhow::Result<()> {
    let turns = users.iter().cycle().skip(offset % users.len().max(1));
    for user in turns.take_while(|_| !span.is_over()) {
        let began = clock::instant();
        let mut link = Link::open(&address, &user.token).await?;
        link.subscribe(user.space, None).await?;
        let now = clock::instant();
        if span.counts(now) {
            latencies.borrow_mut().record(now - began);
        }
        link.leave().await?;
    }
    Ok(())
}
