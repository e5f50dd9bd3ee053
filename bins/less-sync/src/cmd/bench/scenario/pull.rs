//! Reads of a whole space, its first record, and its newest records.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Args;
use less_sync_core::wire::method;
use less_sync_core::wire::pull::{ChunkCount, PullEntry, PullParams};
use less_sync_core::{Cursor, SpaceId, frame};

use crate::clock;
use crate::cmd::bench::figures::{Figures, Latencies, mib, rate};
use crate::cmd::bench::frames::Sink;
use crate::cmd::bench::link::{Link, result};
use crate::cmd::bench::loads::{self, Span};
use crate::cmd::bench::subject::{Subject, User};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Records in the space
    #[arg(long, default_value_t = 10_000)]
    records: usize,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Newest records for the returning client
    #[arg(long, default_value_t = 10)]
    newest: usize,
    /// Pull once more with a client that reads slowly, and watch the memory of the server
    #[arg(long)]
    slowly: bool,
}

/// What the kernel holds for a slow client, in bytes, and how long it rests after it has taken that.
const SLOW_BUFFER: u32 = 64 * 1024;
const SLOW_PAUSE: Duration = Duration::from_millis(1);

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let Arguments { records, size, newest, slowly } = *arguments;
    ensure!(records >= newest, "there are not {newest} newest of {records} records");
    let user = subject.user().await?;
    let mut link = Link::open(subject.address(), &user.token).await?;
    loads::fill(&mut link, user.space, records - newest, size).await?;
    let before = loads::cursor(&mut link, user.space).await?;
    loads::fill(&mut link, user.space, newest, size).await?;
    let mut figures = Figures::new("pull");
    figures.add("records", records);
    figures.add("record_bytes", size);
    let space = user.space;
    whole(subject, &mut link, space, (records, size), time / 2, &mut figures).await?;
    returning(&mut link, space, before, newest, time / 2, &mut figures).await?;
    if slowly {
        slow(subject, &user, records, &mut figures).await?;
    }
    Ok(figures)
}

/// One pull whose reader takes a little at a time; the most memory that the server held meanwhile.
async fn slow(subject: &Subject, user: &User, records: usize, figures: &mut Figures) -> anyhow::Result<()> {
    let mut link = Link::dial(subject.address(), Some(SLOW_BUFFER)).await?;
    link.authenticate(&user.token).await?;
    let (process, before) = (subject.process(), subject.process().resident()?);
    let (mut peak, began) = (before, clock::instant());
    let mut seen = request(&mut link, user.space, Cursor::ZERO).await?;
    while seen.response.is_none() {
        link.read(&mut seen).await?;
        seen.check()?;
        peak = peak.max(process.resident()?);
        tokio::time::sleep(SLOW_PAUSE).await;
    }
    ensure!(seen.count == records as u64 + 2, "{} chunks for {records} records", seen.count);
    figures.add_decimal("slow_pull_s", began.elapsed().as_secs_f64());
    figures.add_decimal("slow_pull_growth_mib", mib(peak.saturating_sub(before)));
    Ok(())
}

/// Everything, again and again.
async fn whole(
    subject: &Subject,
    link: &mut Link,
    space: SpaceId,
    (records, size): (usize, usize),
    time: Duration,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (mut first, mut all) = (Latencies::new()?, Latencies::new()?);
    pull(link, space, Cursor::ZERO, records).await?;
    let (meter, span) = (subject.meter()?, Span::of(time));
    let began = clock::instant();
    while !span.is_over() {
        let pulled = pull(link, space, Cursor::ZERO, records).await?;
        first.record(pulled.first_record);
        all.record(pulled.whole);
    }
    let elapsed = began.elapsed();
    meter.add_to(figures)?;
    let rows = all.count() * records as u64;
    figures.add("pulls", all.count());
    figures.add_decimal("records_per_s", rate(rows, elapsed));
    // Blobs only, in units of a million bytes, as disks and networks are measured.
    figures.add_decimal("mb_per_s", rate(rows * size as u64, elapsed) / 1e6);
    figures.add_decimal("pulled_mib", mib(rows * size as u64));
    figures.add_latencies("first_record", &first);
    figures.add_latencies("pull", &all);
    Ok(())
}

/// A client that comes back and misses little.
async fn returning(
    link: &mut Link,
    space: SpaceId,
    since: Cursor,
    newest: usize,
    time: Duration,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut latencies = Latencies::new()?;
    let span = Span::of(time);
    while !span.is_over() {
        let pulled = pull(link, space, since, newest).await?;
        if span.counts(clock::instant()) {
            latencies.record(pulled.whole);
        }
    }
    figures.add("newest_records", newest);
    figures.add("newest_pulls", latencies.count());
    figures.add_latencies("newest", &latencies);
    Ok(())
}

struct Pulled {
    first_record: Duration,
    whole: Duration,
}

/// One pull, its count checked against what came and what must come.
async fn pull(link: &mut Link, space: SpaceId, since: Cursor, expected: usize) -> anyhow::Result<Pulled> {
    let began = clock::instant();
    let mut seen = request(link, space, since).await?;
    while seen.response.is_none() {
        link.read(&mut seen).await?;
        seen.check()?;
    }
    let whole = began.elapsed();
    let announced = result::<ChunkCount>(seen.response.as_deref().unwrap_or_default())?.chunks;
    ensure!(announced == seen.count, "{} chunks came, {announced} were announced", seen.count);
    ensure!(announced == expected as u64 + 2, "{announced} chunks for {expected} records");
    Ok(Pulled { first_record: seen.first_record.map_or(whole, |at| at - began), whole })
}

/// Asks for a pull; nothing of the answer has been read.
async fn request(link: &mut Link, space: SpaceId, since: Cursor) -> anyhow::Result<Chunks> {
    let id = space.to_string();
    let entry = PullEntry { id: &id, since: since.get(), ucan: None, token: None, home_server: None };
    let params = PullParams { spaces: vec![entry], on_cursor_ahead: None };
    link.send(&frame::request("1", method::PULL, &params)).await?;
    Ok(Chunks::default())
}

#[derive(Default)]
struct Chunks {
    count: u64,
    first_record: Option<Instant>,
    response: Option<Vec<u8>>,
    closed: Option<u16>,
}

impl Chunks {
    fn check(&self) -> anyhow::Result<()> {
        match self.closed {
            Some(code) => bail!("the server closed the connection: {code}"),
            None => Ok(()),
        }
    }
}

impl Sink for Chunks {
    fn notification(&mut self) {}

    fn chunk(&mut self, _payload_bytes: u64) {
        self.count += 1;
        // The first chunk is the begin.
        if self.count == 2 {
            self.first_record = Some(clock::instant());
        }
    }

    fn response(&mut self, payload: &[u8]) {
        self.response = Some(payload.to_vec());
    }

    fn ping(&mut self, _payload: &[u8]) {}

    fn close(&mut self, code: u16) {
        self.closed = Some(code);
    }
}
