//! Batches on their way.

use std::pin::Pin;

use anyhow::Context as _;
use futures_util::{Stream, StreamExt as _};
use less_sync_client::{Change, Code, PushError, PushOptions};
use less_sync_core::limits::MIB;
use less_sync_core::{Cursor, RecordId};

use crate::shared::Shared;
use crate::target::Opened;

/// Records of one push, as apps send them (protocol §4.3).
const BATCH_RECORDS: usize = 50;
/// Blobs of one push, in bytes, well below the limit of a message.
const BATCH_BYTES: usize = MIB;
/// Pushes without an answer; more would not be faster, and would hold more memory.
const IN_FLIGHT: usize = 4;

/// A change and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) change: Change,
    pub(super) source: Option<String>,
    /// Of the content before it was encrypted, in bytes; `None` for a deletion.
    pub(super) size: Option<usize>,
}

impl Item {
    fn blob_size(&self) -> usize {
        self.change.blob.as_ref().map_or(0, bytes::Bytes::len)
    }
}

/// What became of a record.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) record: RecordId,
    pub(super) source: Option<String>,
    /// Of the content, in bytes; `None` for a deletion.
    pub(super) size: Option<usize>,
    pub(super) result: Result<Cursor, Code>,
}

/// Gathers items into batches as they come. An item that cannot be read ends the stream, after the batch
/// before it.
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
    /// What did not fit into the batch before.
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

/// Pushes the batches, a few at a time, and tells what became of them in order.
pub(super) fn outcomes(
    opened: &Opened,
    batches: impl Stream<Item = anyhow::Result<Vec<Item>>>,
) -> impl Stream<Item = anyhow::Result<Vec<Outcome>>> {
    let options = options(opened.shared.as_ref());
    batches
        .map(move |batch| {
            let options = options.clone();
            async move { push(opened, &options, batch?).await }
        })
        .buffered(IN_FLIGHT)
}

/// In a shared space: the right to write, and the epoch of the key.
fn options(shared: Option<&Shared>) -> PushOptions {
    let membership = shared.map(Shared::membership);
    PushOptions {
        ucan: membership.map(|membership| membership.ucan.0.clone()),
        epoch: membership.and_then(|membership| Some(membership.keys.newest()?.epoch().get())),
    }
}

/// A push is rejected as a whole, so what was rejected together is tried one by one.
async fn push(opened: &Opened, options: &PushOptions, batch: Vec<Item>) -> anyhow::Result<Vec<Outcome>> {
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
