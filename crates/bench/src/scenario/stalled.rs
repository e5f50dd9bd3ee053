//! Fan-out beside clients that never read.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::pull::{PullEntry, PullParams};

use crate::connection::{LoadConnection, subscribe_params};
use crate::figures::{Figures, kib, mib, rate};
use crate::frames::FrameHandler;
use crate::period::Period;
use crate::process::Process;
use crate::pushes::{self, PushGenerator};
use crate::server::{ServerUnderTest, User};
use crate::watchers::Watchers;
use crate::writer;

/// Load of `stalled`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections that watch the space and read
    #[arg(long, default_value_t = 100)]
    watchers: usize,
    /// Connections that watch the space and never read
    #[arg(long, default_value_t = 16)]
    stalled: usize,
    /// Connections that pull a space of 32 MiB and never read
    #[arg(long, default_value_t = 16)]
    stalled_pulls: usize,
    /// Maximum pushes in flight, not yet delivered to every reading watcher
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 8192)]
    size: usize,
}

/// Kernel receive buffer of a client that never reads, in bytes. It is small, so that data queues in the server.
const RECEIVE_BUFFER: u32 = 4096;
const BIG_SPACE_RECORDS: usize = 8192;
const BIG_SPACE_SIZE: usize = 4096;

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let users = server.users(2).await?;
    let [watched, big] = users.as_slice() else { anyhow::bail!("no users") };
    let mut filler = LoadConnection::open(server.address(), &big.token).await?;
    pushes::fill(&mut filler, big.space, BIG_SPACE_RECORDS, BIG_SPACE_SIZE).await?;
    let mut figures = Figures::new("stalled");
    figures.add("watchers", load.watchers);
    figures.add("stalled", load.stalled);
    figures.add("stalled_pulls", load.stalled_pulls);
    let watchers =
        Watchers::open(server.address(), std::slice::from_ref(watched), load.watchers, load.window).await?;
    let phase = Phase { server, load, user: watched, watchers: &watchers, time: time / 2 };
    let before = phase.run("alone", &mut figures).await?;
    let mut stalled = stall(server, load, watched, big).await?;
    let peak = phase.run("with_stalled", &mut figures).await?;
    figures.add_decimal("resident_growth_mib", mib(peak.saturating_sub(before)));
    let count = (stalled.len() as u64).max(1);
    figures.add_decimal("growth_per_stalled_kib", kib(peak.saturating_sub(before) / count));
    let closed = closed_as_slow(&mut stalled).await;
    figures.add("closed_4006", closed);
    Ok(figures)
}

/// Fan-out to the reading watchers for half of the time.
struct Phase<'a> {
    server: &'a ServerUnderTest,
    load: &'a Load,
    user: &'a User,
    watchers: &'a Watchers,
    time: Duration,
}

impl Phase<'_> {
    /// Measures one phase; returns the peak of the server's resident memory.
    async fn run(&self, name: &str, figures: &mut Figures) -> anyhow::Result<u64> {
        let connection = LoadConnection::open(self.server.address(), &self.user.token).await?;
        let period = Period::start(self.time);
        let pushes = PushGenerator::new(self.user.space, 1, self.load.size);
        let write = writer::write(connection, pushes, &self.watchers.tracker, self.load.window, period);
        let peak = peak_until_over(self.server.process(), period);
        let (deliveries, peak) = self.watchers.observe_load(period, write, peak).await?;
        figures.add_decimal(format!("{name}_deliveries_per_s"), rate(deliveries.count, period.time()));
        figures.add_latencies(&format!("{name}_last_delivery"), &deliveries.last);
        figures.add_decimal(format!("{name}_resident_peak_mib"), mib(peak));
        Ok(peak)
    }
}

async fn peak_until_over(process: Process, period: Period) -> anyhow::Result<u64> {
    const CADENCE: Duration = Duration::from_millis(50);
    let mut peak = process.resident()?;
    while !period.is_over() {
        tokio::time::sleep(CADENCE).await;
        peak = peak.max(process.resident()?);
    }
    Ok(peak)
}

/// Opens connections that subscribe or pull, and read nothing.
async fn stall(
    server: &ServerUnderTest,
    load: &Load,
    watched: &User,
    big: &User,
) -> anyhow::Result<Vec<LoadConnection>> {
    let id = watched.space.to_string();
    let subscribe = frame::request("1", method::SUBSCRIBE, &subscribe_params(&id, None));
    let id = big.space.to_string();
    let entry = PullEntry { id: &id, since: 0, ucan: None, token: None, home_server: None };
    let pull = frame::request("1", method::PULL, &PullParams { spaces: vec![entry], on_cursor_ahead: None });
    let mut stalled = Vec::new();
    for (count, user, message) in [(load.stalled, watched, subscribe), (load.stalled_pulls, big, pull)] {
        for _ in 0..count {
            let mut connection = LoadConnection::dial(server.address(), Some(RECEIVE_BUFFER)).await?;
            connection.authenticate(&user.token).await?;
            connection.send(&message).await?;
            stalled.push(connection);
        }
    }
    ensure!(!stalled.is_empty(), "nothing to measure without a stalled client");
    Ok(stalled)
}

/// Reads the stalled connections at last; returns the number of those closed with 4006 (slow consumer).
async fn closed_as_slow(stalled: &mut [LoadConnection]) -> usize {
    const TIMEOUT: Duration = Duration::from_secs(1);
    const SLOW_CONSUMER: u16 = 4006;
    let mut closed = 0;
    for connection in stalled {
        let mut seen = CloseCode::default();
        while let Ok(Ok(())) = tokio::time::timeout(TIMEOUT, connection.read(&mut seen)).await {}
        closed += usize::from(seen.0 == Some(SLOW_CONSUMER));
    }
    closed
}

#[derive(Default)]
struct CloseCode(Option<u16>);

impl FrameHandler for CloseCode {
    fn close(&mut self, code: u16) {
        self.0 = Some(code);
    }
}
