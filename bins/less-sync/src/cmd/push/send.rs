//! Batching and pipelining of pushes.

use std::pin::Pin;

use anyhow::Context as _;
use futures_util::{Stream, StreamExt as _};
use less_sync_client::{Change, Code, PushError, PushOptions};
use less_sync_core::limits::MIB;
use less_sync_core::{Cursor, RecordId};

use crate::target::SpaceConnection;

/// Maximum records per push, as apps send them (protocol §4.3).
const BATCH_RECORDS: usize = 50;
/// Maximum size of the blobs of a push, in bytes; well below the message limit.
const BATCH_BYTES: usize = MIB;
/// Maximum pushes in flight. More would hold more memory without a higher rate.
const IN_FLIGHT: usize = 4;

/// Change with its source.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) change: Change,
    pub(super) source: Option<String>,
    /// Size of the plaintext in bytes; `None` for a deletion.
    pub(super) size: Option<usize>,
}

impl Item {
    fn blob_size(&self) -> usize {
        self.change.blob.as_ref().map_or(0, bytes::Bytes::len)
    }
}

/// Outcome of one record.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) record: RecordId,
    pub(super) source: Option<String>,
    /// Size of the plaintext in bytes; `None` for a deletion.
    pub(super) size: Option<usize>,
    pub(super) result: Result<Cursor, Code>,
}

/// Collects items into batches. An item that failed ends the stream, after the batch before it.
pub(super) fn batches<S>(items: S) -> impl Stream<Item = anyhow::Result<Vec<Item>>>
where
    S: Stream<Item = anyhow::Result<Item>>,
{
    let batcher = Batcher { items: Box::pin(items), next: None };
    futures_util::stream::unfold(batcher, |mut batcher| async move {
        let batch = batcher.batch().await.transpose()?;
        Some((batch, batcher))
    })
}

struct Batcher<S> {
    items: Pin<Box<S>>,
    /// First item of the next batch.
    next: Option<anyhow::Result<Item>>,
}

impl<S: Stream<Item = anyhow::Result<Item>>> Batcher<S> {
    async fn batch(&mut self) -> anyhow::Result<Option<Vec<Item>>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(item) = self.item().await {
            let is_full =
                |item: &Item| batch.len() == BATCH_RECORDS || bytes + item.blob_size() > BATCH_BYTES;
            match item {
                Ok(item) if batch.is_empty() || !is_full(&item) => {
                    bytes += item.blob_size();
                    batch.push(item);
                }
                Err(error) if batch.is_empty() => return Err(error),
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        Ok(Some(batch).filter(|batch| !batch.is_empty()))
    }

    async fn item(&mut self) -> Option<anyhow::Result<Item>> {
        match self.next.take() {
            Some(item) => Some(item),
            None => self.items.next().await,
        }
    }
}

/// Pushes batches concurrently, bounded by [`IN_FLIGHT`]; yields their outcomes in order.
pub(super) fn outcomes(
    opened: &SpaceConnection,
    batches: impl Stream<Item = anyhow::Result<Vec<Item>>>,
) -> impl Stream<Item = anyhow::Result<Vec<Outcome>>> {
    let ucan = opened.keys.access().ucan.map(str::to_owned);
    let options = PushOptions { ucan, epoch: opened.keys.pushed_epoch() };
    batches
        .map(move |batch| {
            let options = options.clone();
            async move { push(opened, &options, batch?).await }
        })
        .buffered(IN_FLIGHT)
}

/// Pushes one batch. A push is rejected as a whole, so the records of a rejected batch are pushed one by one.
async fn push(
    opened: &SpaceConnection,
    options: &PushOptions,
    batch: Vec<Item>,
) -> anyhow::Result<Vec<Outcome>> {
    let send = |changes: Vec<Change>| async move {
        opened.connection.push_with(opened.space, &changes, options).await
    };
    match send(batch.iter().map(|item| item.change.clone()).collect()).await {
        Err(PushError::Rejected { .. }) if batch.len() > 1 => {
            let mut outcomes = Vec::new();
            for item in batch {
                let result = accepted(send(vec![item.change.clone()]).await)?;
                outcomes.push(outcome(item, result));
            }
            Ok(outcomes)
        }
        result => {
            let result = accepted(result)?;
            Ok(batch.into_iter().map(|item| outcome(item, result.clone())).collect())
        }
    }
}

fn accepted(result: Result<Cursor, PushError>) -> anyhow::Result<Result<Cursor, Code>> {
    match result {
        Ok(cursor) => Ok(Ok(cursor)),
        Err(PushError::Rejected { code, .. }) => Ok(Err(code)),
        Err(PushError::Call(error)) => Err(error).context("cannot push"),
    }
}

fn outcome(item: Item, result: Result<Cursor, Code>) -> Outcome {
    Outcome { record: item.change.id, source: item.source, size: item.size, result }
}
