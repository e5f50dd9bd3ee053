//! Durable pushes, in a closed loop or at a fixed rate.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tokio::task::JoinSet;

use crate::clock;
use crate::connection::LoadConnection;
use crate::figures::{Figures, Latencies, rate};
use crate::period::Period;
use crate::pushes::{PushGenerator, PushResponses};
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
        let schedule = Schedule::new(load);
        tasks.spawn_local(write(connection, writes, schedule, period, latencies.clone()));
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

/// Times at which one connection may push.
///
/// Without a rate the loop is closed: a push leaves when the window has room, and is timed from then. With a rate it is
/// open: a push has a scheduled time, and is timed from that even if a full window delays it. Otherwise a server that
/// stalls would also stop the clock of the pushes it delays (coordinated omission).
struct Schedule {
    /// Maximum pushes without a response.
    window: usize,
    /// Interval between two pushes, and the scheduled time of the next one; `None` without a rate.
    pace: Option<(Duration, Instant)>,
}

impl Schedule {
    fn new(load: &Load) -> Self {
        let between = |rate: u32| Duration::from_secs(load.connections as u64) / rate;
        let pace = load.rate.map(between).map(|pause| {
            // A random phase spreads the connections over the interval, so that they do not push in bursts.
            (pause, clock::instant() + pause.mul_f64(rand::random_range(0.0..1.0)))
        });
        Self { window: load.window as usize, pace }
    }

    /// Takes the start time of the next push; `None` if it may not leave yet.
    fn take(&mut self, pending: usize) -> Option<Instant> {
        let now = clock::instant();
        if pending >= self.window {
            return None;
        }
        let Some((pause, due)) = &mut self.pace else { return Some(now) };
        let taken = (*due <= now).then_some(*due)?;
        *due += *pause;
        Some(taken)
    }

    /// Waits for the scheduled time of the next push; forever without a rate.
    async fn due(&self) {
        match self.pace {
            Some((_, due)) => tokio::time::sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

/// Pushes on schedule until the end of the period, then waits for the remaining responses.
async fn write(
    mut connection: LoadConnection,
    mut writes: PushGenerator,
    mut schedule: Schedule,
    period: Period,
    latencies: Rc<RefCell<Latencies>>,
) -> anyhow::Result<()> {
    let mut sent: VecDeque<Instant> = VecDeque::new();
    let mut out = Vec::new();
    let mut responses = PushResponses::default();
    loop {
        out.clear();
        while !period.is_over()
            && let Some(at) = schedule.take(sent.len())
        {
            writes.append(&mut out);
            sent.push_back(at);
        }
        if sent.is_empty() && period.is_over() {
            return Ok(());
        }
        connection.send_framed(&out).await.context("a writer lost its connection")?;
        tokio::select! {
            read = connection.read(&mut responses), if !sent.is_empty() => read.context("a writer lost its connection")?,
            () = schedule.due(), if sent.len() < schedule.window => {}
            () = period.end(), if sent.is_empty() => {}
        }
        responses.check()?;
        let now = clock::instant();
        for _ in responses.cursors.drain(..) {
            // Responses to pushes of one connection to one space arrive in the order of the requests.
            if let Some(at) = sent.pop_front()
                && period.contains(now)
            {
                latencies.borrow_mut().record(now - at);
            }
        }
    }
}
