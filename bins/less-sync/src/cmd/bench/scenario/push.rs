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
use crate::cmd::bench::sharing::SharedSpace;
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
    /// Push to shared spaces, by chains of three tokens
    #[arg(long)]
    shared: bool,
    /// Pushes per second of all connections together, each timed from when it was due [default: as many as the windows take]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let users = users(subject, arguments).await?;
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
        let writes = Writes::of(&user, arguments.records, arguments.size);
        let schedule = Schedule::new(arguments);
        tasks.spawn_local(write(link, writes, schedule, span, latencies.clone()));
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
    figures.add("chain_tokens", if arguments.shared { DEPTH } else { 0 });
    figures.add("record_bytes", arguments.size);
    figures.add("records_per_push", arguments.records);
    figures.add("pushes", latencies.count());
    figures.add_decimal("pushes_per_s", rate(latencies.count(), span.time()));
    figures.add_latencies("push", &latencies);
    Ok(figures)
}

/// Tokens of a chain from the owner of a space to whoever pushes.
const DEPTH: usize = 3;

async fn users(subject: &Subject, arguments: &Arguments) -> anyhow::Result<Vec<User>> {
    let count = if arguments.same_space { 1 } else { arguments.connections };
    if !arguments.shared {
        return subject.users(count).await;
    }
    let mut users = Vec::with_capacity(count);
    for number in 0..count {
        let space = SharedSpace::create(subject).await?;
        users.push(space.member(subject, &format!("bench-{number}"), DEPTH).await?);
    }
    Ok(users)
}

/// When a connection may push.
struct Schedule {
    window: usize,
    /// Between two pushes, and when the next one is due.
    pace: Option<(Duration, Instant)>,
}

impl Schedule {
    fn new(arguments: &Arguments) -> Self {
        let between = |rate: u32| Duration::from_secs(arguments.connections as u64) / rate;
        let pace = arguments.rate.map(between).map(|pause| {
            // Connections take turns within the pause.
            (pause, clock::instant() + pause.mul_f64(rand::random_range(0.0..1.0)))
        });
        Self { window: arguments.window as usize, pace }
    }

    /// The moment from which the next push counts, if it may leave while so many have no answer.
    fn take(&mut self, unanswered: usize) -> Option<Instant> {
        let now = clock::instant();
        if unanswered >= self.window {
            return None;
        }
        let Some((pause, due)) = &mut self.pace else { return Some(now) };
        let taken = (*due <= now).then_some(*due)?;
        *due += *pause;
        Some(taken)
    }

    /// Waits until the next push is due; for ever when only the window counts.
    async fn due(&self) {
        match self.pace {
            Some((_, due)) => tokio::time::sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

/// Keeps to the schedule until the time is over, then waits for the rest.
async fn write(
    mut link: Link,
    mut writes: Writes,
    mut schedule: Schedule,
    span: Span,
    latencies: Rc<RefCell<Latencies>>,
) -> anyhow::Result<()> {
    let mut sent: VecDeque<Instant> = VecDeque::new();
    let mut out = Vec::new();
    let mut acks = Acks::default();
    loop {
        out.clear();
        while !span.is_over()
            && let Some(at) = schedule.take(sent.len())
        {
            writes.append(&mut out);
            sent.push_back(at);
        }
        if sent.is_empty() && span.is_over() {
            return Ok(());
        }
        link.send_framed(&out).await.context("a writer lost its connection")?;
        tokio::select! {
            read = link.read(&mut acks), if !sent.is_empty() => read.context("a writer lost its connection")?,
            () = schedule.due(), if sent.len() < schedule.window => {}
            () = span.end(), if sent.is_empty() => {}
        }
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
