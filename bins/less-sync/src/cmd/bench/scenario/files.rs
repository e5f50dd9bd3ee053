//! Files there and back. Random bytes with a key that opens nothing: the server is measured, not the cipher of clients.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::Args;
use futures_util::{Stream, stream};
use less_sync_client::{Auth, Change, Dialer, Endpoint, FileClient, Stored, Upload};
use less_sync_core::{Dek, FileId, RecordId};
use tokio::task::JoinSet;

use crate::clock;
use crate::cmd::bench::figures::{Figures, Latencies, rate};
use crate::cmd::bench::subject::{Subject, User};

/// What is uploaded at most, so that no disk is filled.
const MOST_BYTES: u64 = 4 << 30;

/// Bytes that are handed to the connection at once.
const PIECE: u64 = 64 * 1024;

/// Of epoch 1; nobody opens it.
const DEK: Dek = {
    let mut dek = [0xa5; Dek::LENGTH];
    [dek[0], dek[1], dek[2], dek[3]] = [0, 0, 0, 1];
    Dek::from_bytes(dek)
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Transfers at a time, each for a user of its own [default: 1, or 16 with --small]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=32))]
    connections: Option<u16>,
    /// Size of a file, in bytes
    #[arg(long, default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    size: u64,
    /// Many small files: 16 KiB each
    #[arg(long, conflicts_with = "size")]
    small: bool,
}

impl Arguments {
    fn connections(&self) -> usize {
        self.connections.map_or(if self.small { 16 } else { 1 }, usize::from)
    }

    fn size(&self) -> u64 {
        if self.small { 16 * 1024 } else { self.size }
    }
}

/// Uploads until the time is over, then downloads what was uploaded for as long. Transfers that have begun are brought to
/// their end, and the rates are over the time up to the last end.
pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let size = arguments.size();
    let mut lanes = Vec::new();
    for user in subject.users(arguments.connections()).await? {
        lanes.push(Lane::open(subject, user, size).await?);
    }
    let budget = MOST_BYTES / (size * lanes.len() as u64);
    let mut figures = Figures::new("files");
    subject.probe_disk(&mut figures)?;
    figures.add("connections", lanes.len());
    figures.add("file_bytes", size);
    let meter = subject.meter()?;
    let (lanes, put) =
        phase(lanes, async move |lane, phase| lane.put(&phase, budget.max(1)).await, time).await?;
    let (_, got) = phase(lanes, async move |lane, phase| lane.get(&phase).await, time).await?;
    meter.add_to(&mut figures)?;
    put.add_to(&mut figures, "put", size);
    got.add_to(&mut figures, "get", size);
    Ok(figures)
}

/// Transfers in one direction.
struct Phase {
    until: Instant,
    latencies: RefCell<Latencies>,
}

impl Phase {
    fn is_over(&self) -> bool {
        clock::instant() >= self.until
    }

    fn record(&self, began: Instant) {
        self.latencies.borrow_mut().record(clock::instant() - began);
    }
}

/// What came of them.
struct Outcome {
    latencies: Latencies,
    time: Duration,
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "a figure has three digits")]
    fn add_to(&self, figures: &mut Figures, name: &str, size: u64) {
        let per_second = rate(self.latencies.count(), self.time);
        figures.add(format!("{name}s"), self.latencies.count());
        figures.add_decimal(format!("{name}s_per_s"), per_second);
        figures.add_decimal(format!("{name}_mb_per_s"), per_second * size as f64 / 1e6);
        figures.add_latencies(name, &self.latencies);
    }
}

/// Lets all lanes do `work` at once.
async fn phase<W>(lanes: Vec<Lane>, work: W, time: Duration) -> anyhow::Result<(Vec<Lane>, Outcome)>
where
    W: AsyncFn(&mut Lane, Rc<Phase>) -> anyhow::Result<()> + Copy + 'static,
{
    let began = clock::instant();
    let phase = Rc::new(Phase { until: began + time, latencies: RefCell::new(Latencies::new()?) });
    let mut tasks = JoinSet::new();
    for mut lane in lanes {
        let phase = phase.clone();
        tasks.spawn_local(async move { work(&mut lane, phase).await.map(|()| lane) });
    }
    let mut lanes = Vec::new();
    while let Some(done) = tasks.join_next().await {
        lanes.push(done.context("a transfer panicked")??);
    }
    let latencies = phase.latencies.borrow().clone();
    Ok((lanes, Outcome { latencies, time: began.elapsed() }))
}

/// One connection, and the files that went over it.
struct Lane {
    files: FileClient,
    user: User,
    owner: RecordId,
    size: u64,
    content: Bytes,
    stored: Vec<FileId>,
}

impl Lane {
    /// With a record that owns all its files.
    async fn open(subject: &Subject, user: User, size: u64) -> anyhow::Result<Self> {
        let address = subject.address();
        let dialer = Dialer::new(Endpoint::exact(&format!("ws://{}{}", address.host, address.path))?);
        let (connection, _unheard) = Box::pin(dialer.dial(Auth::Token(user.token.clone()))).await?;
        let owner = RecordId::from_bytes(rand::random());
        connection
            .push(user.space, &[Change::create(owner, "owner")])
            .await
            .context("cannot write the owner")?;
        connection.close().await;
        let base = address.path.trim_end_matches("/ws");
        let files = FileClient::new(&format!("http://{}{base}", address.host))?;
        let content = (0..PIECE).map(|_| rand::random()).collect();
        Ok(Self { files, user, owner, size, content, stored: Vec::new() })
    }

    async fn put(&mut self, phase: &Phase, most: u64) -> anyhow::Result<()> {
        // At least one, however short the time is.
        while self.stored.is_empty() || (!phase.is_over() && (self.stored.len() as u64) < most) {
            let (began, id) = (clock::instant(), FileId::from_bytes(rand::random()));
            let upload = Upload { owner: self.owner, dek: DEK, size: self.size, sha256: None };
            let body = pieces(self.content.clone(), self.size);
            let stored =
                self.files.file(&self.user.token, self.user.space.into(), id).put(&upload, body).await;
            ensure!(stored.context("an upload failed")? == Stored::Created, "a new file was there already");
            phase.record(began);
            self.stored.push(id);
        }
        Ok(())
    }

    async fn get(&mut self, phase: &Phase) -> anyhow::Result<()> {
        for (number, id) in self.stored.iter().cycle().enumerate() {
            if number > 0 && phase.is_over() {
                break;
            }
            let (began, mut received) = (clock::instant(), 0);
            let file = self.files.file(&self.user.token, self.user.space.into(), *id);
            let mut download = file.get(0).await.context("a download failed")?;
            while let Some(bytes) = download.next().await.context("a download failed")? {
                received += bytes.len() as u64;
            }
            ensure!(received == self.size, "a file came back with {received} bytes");
            phase.record(began);
        }
        Ok(())
    }
}

/// The same bytes again and again, up to this size.
fn pieces(content: Bytes, size: u64) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let pieces = (0..size.div_ceil(PIECE)).map(move |number| {
        let left = usize::try_from(size - number * PIECE).unwrap_or(usize::MAX);
        Ok(content.slice(..content.len().min(left)))
    });
    stream::iter(pieces)
}
