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
use crate::cmd::bench::subject::Subject;

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
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let Arguments { records, size, newest } = *arguments;
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
    Ok(figures)
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
    let id = space.to_string();
    let entry = PullEntry { id: &id, since: since.get(), ucan: None, token: None, home_server: None };
    let params = PullParams { spaces: vec![entry], on_cursor_ahead: None };
    let began = clock::instant();
    link.send(&frame::request("1", method::PULL, &params)).await?;
    let mut seen = Chunks::default();
    while seen.response.is_none() {
        if let Some(code) = seen.closed {
            bail!("the server closed the connection: {code}");
        }
        link.read(&mut seen).await?;
    }
    let whole = began.elapsed();
    let announced = result::<ChunkCount>(seen.response.as_deref().unwrap_or_default())?.chunks;
    ensure!(announced == seen.count, "{} chunks came, {announced} were announced", seen.count);
    ensure!(announced == expected as u64 + 2, "{announced} chunks for {expected} records");
    Ok(Pulled { first_record: seen.first_record.map_or(whole, |at| at - began), whole })
}

#[derive(Default)]
struct Chunks {
    count: u64,
    first_record: Option<Instant>,
    response: Option<Vec<u8>>,
    closed: Option<u16>,
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
