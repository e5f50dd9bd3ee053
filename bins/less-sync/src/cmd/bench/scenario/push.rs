//! Durable writes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tokio::task::JoinSet;

use crate::clock;
use crate::cmd::bench::figures::{Figures, Latencies, rate};
use crate::cmd::bench::link::Link;
use crate::cmd::bench::loads::{Acks, Span, Writes};
use crate::cmd::bench::subject::{Subject, User};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections, each pushing to the personal space of a user of its own
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Pushes without an answer, per connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    window: u32,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// New records per push
    #[arg(long, default_value_t = 1)]
    records: usize,
    /// Push to one space of one user from all connections
    #[arg(long)]
    same_space: bool,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let users = subject.users(if arguments.same_space { 1 } else { arguments.connections }).await?;
    let mut links = Vec::new();
    for user in users.iter().cycle().take(arguments.connections) {
        links.push((Link::open(subject.address(), &user.token).await?, user.clone()));
    }
    let mut figures = Figures::new("push");
    subject.probe_disk(&mut figures)?;
    let span = Span::of(time);
    let latencies = Rc::new(RefCell::new(Latencies::new()?));
    let mut tasks = JoinSet::new();
    for (link, user) in links {
        tasks.spawn_local(write(link, writes(arguments, &user), arguments.window, span, latencies.clone()));
    }
    span.begin().await;
    let meter = subject.meter()?;
    while let Some(done) = tasks.join_next().await {
        done.context("a writer panicked")??;
    }
    meter.add_to(&mut figures)?;
    let latencies = latencies.borrow();
    figures.add("connections", arguments.connections);
    figures.add("window", arguments.window);
    figures.add("record_bytes", arguments.size);
    figures.add("records_per_push", arguments.records);
    figures.add("pushes", latencies.count());
    figures.add_decimal("pushes_per_s", rate(latencies.count(), span.time()));
    figures.add_latencies("push", &latencies);
    Ok(figures)
}

fn writes(arguments: &Arguments, user: &User) -> Writes {
    Writes::new(user.space, arguments.records, arguments.size)
}

/// Keeps the window full until the time is over, then waits for the rest.
async fn write(
    mut link: Link,
    mut writes: Writes,
    window: u32,
    span: Span,
    latencies: Rc<RefCell<Latencies>>,
) -> anyhow::Result<()> {
    let mut sent: VecDeque<Instant> = VecDeque::new();
    let mut out = Vec::new();
    let mut acks = Acks::default();
    loop {
        out.clear();
        while sent.len() < window as usize && !span.is_over() {
            writes.append(&mut out);
            sent.push_back(clock::instant());
        }
        if sent.is_empty() {
            return Ok(());
        }
        link.send_framed(&out).await.context("a writer lost its connection")?;
        link.read(&mut acks).await.context("a writer lost its connection")?;
        acks.check()?;
        let now = clock::instant();
        for _ in acks.cursors.drain(..) {
            // Pushes to one space are answered in their order.
            if let Some(at) = sent.pop_front()
                && span.counts(now)
            {
                latencies.borrow_mut().record(now - at);
            }
        }
    }
}
