//! Clients that never read, and what the others notice of it.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::pull::{PullEntry, PullParams};

use super::fan_out;
use crate::cmd::bench::figures::{Figures, kib, mib, rate};
use crate::cmd::bench::frames::Sink;
use crate::cmd::bench::link::{Link, subscribe_params};
use crate::cmd::bench::loads::{self, Span, Writes};
use crate::cmd::bench::process::Process;
use crate::cmd::bench::subject::{Subject, User};
use crate::cmd::bench::watchers::Crowd;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections that watch the space and read
    #[arg(long, default_value_t = 100)]
    watchers: usize,
    /// Connections that watch the space and never read
    #[arg(long, default_value_t = 16)]
    stalled: usize,
    /// Connections that pull a space of 32 MiB and never read
    #[arg(long, default_value_t = 16)]
    stalled_pulls: usize,
    /// Pushes that not every watcher has yet
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 8192)]
    size: usize,
}

/// What the kernel holds for a client that never reads, in bytes: little, so that it is the server that notices.
const RECEIVE_BUFFER: u32 = 4096;
const BIG_SPACE_RECORDS: usize = 8192;
const BIG_SPACE_SIZE: usize = 4096;

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let users = subject.users(2).await?;
    let [watched, big] = users.as_slice() else { anyhow::bail!("no users") };
    let mut filler = Link::open(subject.address(), &big.token).await?;
    loads::fill(&mut filler, big.space, BIG_SPACE_RECORDS, BIG_SPACE_SIZE).await?;
    let mut figures = Figures::new("stalled");
    figures.add("watchers", arguments.watchers);
    figures.add("stalled", arguments.stalled);
    figures.add("stalled_pulls", arguments.stalled_pulls);
    let crowd = Crowd::gather(subject, watched, arguments.watchers, arguments.window).await?;
    let before = phase(subject, arguments, watched, &crowd, time / 2, "alone", &mut figures).await?;
    let mut deaf = stall(subject, arguments, watched, big).await?;
    let peak = phase(subject, arguments, watched, &crowd, time / 2, "with_stalled", &mut figures).await?;
    figures.add_decimal("resident_growth_mib", mib(peak.saturating_sub(before)));
    let count = (deaf.len() as u64).max(1);
    figures.add_decimal("growth_per_stalled_kib", kib(peak.saturating_sub(before) / count));
    let closed = closed_as_slow(&mut deaf).await;
    figures.add("closed_4006", closed);
    Ok(figures)
}

/// Fan-out for a while; answers the most memory that the server held.
async fn phase(
    subject: &Subject,
    arguments: &Arguments,
    user: &User,
    crowd: &Crowd,
    time: Duration,
    name: &str,
    figures: &mut Figures,
) -> anyhow::Result<u64> {
    let board = &crowd.board;
    let writer = Link::open(subject.address(), &user.token).await?;
    let span = Span::of(time);
    let write =
        fan_out::write(writer, Writes::new(user.space, 1, arguments.size), board, arguments.window, span);
    let watch = async {
        span.begin().await;
        board.clear();
        let peak = peak_until_over(subject.process(), span).await?;
        Ok((board.tally(), peak))
    };
    let ((), (tally, peak)) = tokio::try_join!(write, watch)?;
    figures.add_decimal(format!("{name}_deliveries_per_s"), rate(tally.deliveries, span.time()));
    figures.add_latencies(&format!("{name}_last_delivery"), &tally.last);
    figures.add_decimal(format!("{name}_resident_peak_mib"), mib(peak));
    Ok(peak)
}

async fn peak_until_over(process: Process, span: Span) -> anyhow::Result<u64> {
    const CADENCE: Duration = Duration::from_millis(50);
    let mut peak = process.resident()?;
    while !span.is_over() {
        tokio::time::sleep(CADENCE).await;
        peak = peak.max(process.resident()?);
    }
    Ok(peak)
}

/// Connections that ask for a lot and read nothing.
async fn stall(
    subject: &Subject,
    arguments: &Arguments,
    watched: &User,
    big: &User,
) -> anyhow::Result<Vec<Link>> {
    let id = watched.space.to_string();
    let subscribe = frame::request("1", method::SUBSCRIBE, &subscribe_params(&id, None));
    let id = big.space.to_string();
    let entry = PullEntry { id: &id, since: 0, ucan: None, token: None, home_server: None };
    let pull = frame::request("1", method::PULL, &PullParams { spaces: vec![entry], on_cursor_ahead: None });
    let mut deaf = Vec::new();
    for (count, user, message) in
        [(arguments.stalled, watched, subscribe), (arguments.stalled_pulls, big, pull)]
    {
        for _ in 0..count {
            let mut link = Link::dial(subject.address(), Some(RECEIVE_BUFFER)).await?;
            link.authenticate(&user.token).await?;
            link.send(&message).await?;
            deaf.push(link);
        }
    }
    ensure!(!deaf.is_empty(), "nothing to measure without a stalled client");
    Ok(deaf)
}

/// Reads at last, to see who was sent away as too slow.
async fn closed_as_slow(deaf: &mut [Link]) -> usize {
    const PATIENCE: Duration = Duration::from_secs(1);
    const SLOW_CONSUMER: u16 = 4006;
    let mut closed = 0;
    for link in deaf {
        let mut seen = LastWord::default();
        while let Ok(Ok(())) = tokio::time::timeout(PATIENCE, link.read(&mut seen)).await {}
        closed += usize::from(seen.0 == Some(SLOW_CONSUMER));
    }
    closed
}

#[derive(Default)]
struct LastWord(Option<u16>);

impl Sink for LastWord {
    fn notification(&mut self) {}

    fn chunk(&mut self, _payload_bytes: u64) {}

    fn response(&mut self, _payload: &[u8]) {}

    fn ping(&mut self, _payload: &[u8]) {}

    fn close(&mut self, code: u16) {
        self.0 = Some(code);
    }
}
