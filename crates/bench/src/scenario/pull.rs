//! Pulls of a whole space, of its first record, and of its newest records.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Args;
use less_sync_core::wire::method;
use less_sync_core::wire::pull::{ChunkCount, PullEntry, PullParams};
use less_sync_core::{Cursor, SpaceId, frame};

use crate::clock;
use crate::connection::{LoadConnection, result};
use crate::figures::{Figures, Latencies, mib, rate};
use crate::frames::FrameHandler;
use crate::period::Period;
use crate::pushes;
use crate::server::{ServerUnderTest, User};

/// Load of `pull`.
#[derive(Debug, Args)]
pub struct Load {
    /// Records in the space
    #[arg(long, default_value_t = 10_000)]
    records: usize,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Newest records, which a returning client pulls
    #[arg(long, default_value_t = 10)]
    newest: usize,
    /// Add a pull by a client that reads slowly, and measure the growth of the server's memory
    #[arg(long)]
    slowly: bool,
}

/// Kernel receive buffer of a slow client, in bytes, and its pause after each read.
const SLOW_BUFFER: u32 = 64 * 1024;
const SLOW_PAUSE: Duration = Duration::from_millis(1);

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let Load { records, size, newest, slowly } = *load;
    ensure!(records >= newest, "there are not {newest} newest of {records} records");
    let user = server.user().await?;
    let mut connection = LoadConnection::open(server.address(), &user.token).await?;
    pushes::fill(&mut connection, user.space, records - newest, size).await?;
    let before = pushes::cursor(&mut connection, user.space).await?;
    pushes::fill(&mut connection, user.space, newest, size).await?;
    let mut figures = Figures::new("pull");
    figures.add("records", records);
    figures.add("record_bytes", size);
    let space = user.space;
    whole(server, &mut connection, space, (records, size), time / 2, &mut figures).await?;
    returning(&mut connection, space, before, newest, time / 2, &mut figures).await?;
    if slowly {
        slow(server, &user, records, &mut figures).await?;
    }
    Ok(figures)
}

/// Measures one pull with a slow reader, and the peak of the server's memory meanwhile.
async fn slow(
    server: &ServerUnderTest,
    user: &User,
    records: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut connection = LoadConnection::dial(server.address(), Some(SLOW_BUFFER)).await?;
    connection.authenticate(&user.token).await?;
    let (process, before) = (server.process(), server.process().resident()?);
    let (mut peak, began) = (before, clock::instant());
    let mut seen = request(&mut connection, user.space, Cursor::ZERO).await?;
    while seen.response.is_none() {
        connection.read(&mut seen).await?;
        seen.check()?;
        peak = peak.max(process.resident()?);
        tokio::time::sleep(SLOW_PAUSE).await;
    }
    ensure!(seen.count == records as u64 + 2, "{} chunks for {records} records", seen.count);
    figures.add_decimal("slow_pull_s", began.elapsed().as_secs_f64());
    figures.add_decimal("slow_pull_growth_mib", mib(peak.saturating_sub(before)));
    Ok(())
}

/// Measures repeated pulls from cursor 0.
async fn whole(
    server: &ServerUnderTest,
    connection: &mut LoadConnection,
    space: SpaceId,
    (records, size): (usize, usize),
    time: Duration,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (mut first, mut all) = (Latencies::new()?, Latencies::new()?);
    pull(connection, space, Cursor::ZERO, records).await?;
    let (meter, period) = (server.meter()?, Period::start(time));
    let began = clock::instant();
    while !period.is_over() {
        let pulled = pull(connection, space, Cursor::ZERO, records).await?;
        first.record(pulled.first_record);
        all.record(pulled.whole);
    }
    let elapsed = began.elapsed();
    meter.add_to(figures)?;
    let rows = all.count() * records as u64;
    figures.add("pulls", all.count());
    figures.add_decimal("records_per_s", rate(rows, elapsed));
    // Blobs only, in units of 10^6 bytes, as disks and networks are measured.
    figures.add_decimal("mb_per_s", rate(rows * size as u64, elapsed) / 1e6);
    figures.add_decimal("pulled_mib", mib(rows * size as u64));
    figures.add_latencies("first_record", &first);
    figures.add_latencies("pull", &all);
    Ok(())
}

/// Measures repeated pulls of the newest records.
async fn returning(
    connection: &mut LoadConnection,
    space: SpaceId,
    since: Cursor,
    newest: usize,
    time: Duration,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut latencies = Latencies::new()?;
    let period = Period::start(time);
    while !period.is_over() {
        let pulled = pull(connection, space, since, newest).await?;
        if period.contains(clock::instant()) {
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

/// Pulls once; verifies the number of chunks against the announced and the expected number.
async fn pull(
    connection: &mut LoadConnection,
    space: SpaceId,
    since: Cursor,
    expected: usize,
) -> anyhow::Result<Pulled> {
    let began = clock::instant();
    let mut seen = request(connection, space, since).await?;
    while seen.response.is_none() {
        connection.read(&mut seen).await?;
        seen.check()?;
    }
    let whole = began.elapsed();
    let announced = result::<ChunkCount>(seen.response.as_deref().unwrap_or_default())?.chunks;
    ensure!(announced == seen.count, "received {} chunks, {announced} were announced", seen.count);
    ensure!(announced == expected as u64 + 2, "{announced} chunks for {expected} records");
    Ok(Pulled { first_record: seen.first_record.map_or(whole, |at| at - began), whole })
}

/// Sends a pull; nothing of the response is read yet.
async fn request(connection: &mut LoadConnection, space: SpaceId, since: Cursor) -> anyhow::Result<Chunks> {
    let id = space.to_string();
    let entry = PullEntry { id: &id, since: since.get(), ucan: None, token: None, home_server: None };
    let params = PullParams { spaces: vec![entry], on_cursor_ahead: None };
    connection.send(&frame::request("1", method::PULL, &params)).await?;
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

impl FrameHandler for Chunks {
    fn chunk(&mut self, _payload_bytes: u64) {
        self.count += 1;
        // The first chunk is `pull.begin`, the second one the first record.
        if self.count == 2 {
            self.first_record = Some(clock::instant());
        }
    }

    fn response(&mut self, payload: &[u8]) {
        self.response = Some(payload.to_vec());
    }

    fn close(&mut self, code: u16) {
        self.closed = Some(code);
    }
}
