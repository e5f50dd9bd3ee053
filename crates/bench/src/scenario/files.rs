//! Uploads and downloads of files.
//!
//! Content is random bytes under a random wrapped key: the server is measured, not the encryption by clients.

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
use crate::figures::{Figures, Latencies, rate};
use crate::server::{ServerUnderTest, User};
use crate::tasks::join_all;

/// Maximum bytes uploaded in total, which bounds the disk space of a run.
const MOST_BYTES: u64 = 4 << 30;

/// Size of the pieces of an upload, in bytes.
const PIECE: u64 = 64 * 1024;

/// Wrapped key of epoch 1, never opened.
pub(super) const DEK: Dek = {
    let mut dek = [0xa5; Dek::LENGTH];
    [dek[0], dek[1], dek[2], dek[3]] = [0, 0, 0, 1];
    Dek::from_bytes(dek)
};

/// Load of `files`.
#[derive(Debug, Args)]
pub struct Load {
    /// Concurrent transfers, each of its own user [default: 1, or 16 with --small]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=32))]
    connections: Option<u16>,
    /// Size of a file, in bytes
    #[arg(long, default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    size: u64,
    /// Transfer small files of 16 KiB each
    #[arg(long, conflicts_with = "size")]
    small: bool,
}

impl Load {
    fn connections(&self) -> usize {
        self.connections.map_or(if self.small { 16 } else { 1 }, usize::from)
    }

    fn size(&self) -> u64 {
        if self.small { 16 * 1024 } else { self.size }
    }
}

/// Uploads for `time`, then downloads the uploaded files for `time`. Started transfers are completed; rates are over the
/// time to the last completion, without a warm-up.
pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let size = load.size();
    let mut clients = Vec::new();
    for user in server.users(load.connections()).await? {
        clients.push(TransferClient::open(server, user, size).await?);
    }
    let budget = MOST_BYTES / (size * clients.len() as u64);
    let mut figures = Figures::new("files");
    server.probe_disk(&mut figures)?;
    figures.add("connections", clients.len());
    figures.add("file_bytes", size);
    let meter = server.meter()?;
    let (clients, put) =
        phase(clients, async move |client, phase| client.put(&phase, budget.max(1)).await, time).await?;
    let (_, got) = phase(clients, async move |client, phase| client.get(&phase).await, time).await?;
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

/// Latencies and duration of one phase.
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

/// Runs `work` on all clients concurrently.
async fn phase<W>(
    clients: Vec<TransferClient>,
    work: W,
    time: Duration,
) -> anyhow::Result<(Vec<TransferClient>, Outcome)>
where
    W: AsyncFn(&mut TransferClient, Rc<Phase>) -> anyhow::Result<()> + Copy + 'static,
{
    let began = clock::instant();
    let phase = Rc::new(Phase { until: began + time, latencies: RefCell::new(Latencies::new()?) });
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let phase = phase.clone();
        tasks.spawn_local(async move { work(&mut client, phase).await.map(|()| client) });
    }
    let clients = join_all(tasks, "a transfer").await?;
    let latencies = phase.latencies.borrow().clone();
    Ok((clients, Outcome { latencies, time: began.elapsed() }))
}

/// Client of one user, and its uploaded files.
struct TransferClient {
    files: FileClient,
    user: User,
    owner: RecordId,
    size: u64,
    content: Bytes,
    stored: Vec<FileId>,
}

impl TransferClient {
    /// Opens a client and pushes a record that owns all its files.
    async fn open(server: &ServerUnderTest, user: User, size: u64) -> anyhow::Result<Self> {
        let address = server.address();
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
        // At least one file is uploaded, however short the time is.
        while self.stored.is_empty() || (!phase.is_over() && (self.stored.len() as u64) < most) {
            let (began, id) = (clock::instant(), FileId::from_bytes(rand::random()));
            let upload = Upload { owner: self.owner, dek: DEK, size: self.size, sha256: None };
            let body = pieces(self.content.clone(), self.size);
            let stored =
                self.files.file(&self.user.token, self.user.space.into(), id).put(&upload, body).await;
            ensure!(stored.context("an upload failed")? == Stored::Created, "a new file exists already");
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
            ensure!(received == self.size, "a download has {received} bytes");
            phase.record(began);
        }
        Ok(())
    }
}

/// Stream of `content`, repeated up to `size` bytes.
fn pieces(content: Bytes, size: u64) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let pieces = (0..size.div_ceil(PIECE)).map(move |number| {
        let left = usize::try_from(size - number * PIECE).unwrap_or(usize::MAX);
        Ok(content.slice(..content.len().min(left)))
    });
    stream::iter(pieces)
}
