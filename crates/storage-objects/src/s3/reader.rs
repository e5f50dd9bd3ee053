//! Reads an object as it comes from the store.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use less_sync_storage::{BlobError, BlobReader};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use super::error::{blob_error, open_error};
use crate::{PIECE, Violation};

pub(super) async fn open(
    store: &AmazonS3,
    path: &Path,
    range: Option<Range<u64>>,
    stall: Duration,
) -> Result<BlobReader, BlobError> {
    match range {
        Some(range) if range.start >= range.end => open_nothing(store, path, range).await,
        range => open_something(store, path, range, stall).await,
    }
}

/// S3 has no word for a range without bytes.
async fn open_nothing(store: &AmazonS3, path: &Path, range: Range<u64>) -> Result<BlobReader, BlobError> {
    let size = store.head(path).await.map_err(open_error)?.size;
    if range.start > range.end || range.end > size {
        return Err(Violation::Range.into());
    }
    Ok(BlobReader { size, bytes: stream::empty().boxed() })
}

async fn open_something(
    store: &AmazonS3,
    path: &Path,
    range: Option<Range<u64>>,
    stall: Duration,
) -> Result<BlobReader, BlobError> {
    let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
    let found = store.get_opts(path, options).await.map_err(open_error)?;
    let size = found.meta.size;
    let range = range.unwrap_or(0..size);
    // A store answers with less when the range reaches beyond the object.
    if found.range != range {
        return Err(Violation::Range.into());
    }
    let rest =
        Rest { source: found.into_stream(), chunk: Bytes::new(), left: range.end - range.start, stall };
    Ok(BlobReader { size, bytes: rest.pieces() })
}

/// What is still to come.
struct Rest {
    source: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
    /// Bytes that the source still owes.
    left: u64,
    stall: Duration,
}

impl Rest {
    fn pieces(self) -> BoxStream<'static, Result<Bytes, BlobError>> {
        stream::try_unfold(self, |mut rest| async {
            if rest.chunk.is_empty() && rest.left > 0 {
                rest.chunk = rest.next_chunk().await?;
                rest.left -= rest.chunk.len() as u64;
            }
            let piece = rest.chunk.split_to(PIECE.min(rest.chunk.len()));
            Ok(if piece.is_empty() { None } else { Some((piece, rest)) })
        })
        .boxed()
    }

    /// Neither empty nor more than what is owed.
    async fn next_chunk(&mut self) -> Result<Bytes, BlobError> {
        loop {
            let next = tokio::time::timeout(self.stall, self.source.next()).await;
            match next.map_err(|stalled| BlobError::Unavailable(Box::new(stalled)))? {
                None => return Err(Violation::EndedEarly.into()),
                Some(Err(error)) => return Err(blob_error(error)),
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) if chunk.len() as u64 > self.left => return Err(Violation::TooLong.into()),
                Some(Ok(chunk)) => return Ok(chunk),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    fn rest(chunks: Vec<Bytes>, left: u64) -> Rest {
        Rest {
            source: stream::iter(chunks.into_iter().map(Ok)).boxed(),
            chunk: Bytes::new(),
            left,
            stall: Duration::from_secs(1),
        }
    }

    fn zeros(length: usize) -> Bytes {
        vec![0; length].into()
    }

    async fn lengths(rest: Rest) -> Result<Vec<usize>, BlobError> {
        rest.pieces().map_ok(|piece| piece.len()).try_collect().await
    }

    #[tokio::test]
    async fn large_chunks_are_cut_and_empty_ones_left_out() {
        let chunks = vec![zeros(0), zeros(2 * PIECE + 1), zeros(0), zeros(7)];
        let lengths = lengths(rest(chunks, 2 * PIECE as u64 + 8)).await.unwrap();
        assert_eq!(lengths, [PIECE, PIECE, 1, 7]);
    }

    /// H6.
    #[tokio::test]
    async fn object_that_is_shorter_or_longer_than_announced_ends_in_an_error() {
        for (chunks, left) in [(vec![], 1), (vec![zeros(9)], 10), (vec![zeros(5), zeros(6)], 10)] {
            assert!(matches!(lengths(rest(chunks, left)).await, Err(BlobError::Failed(_))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn store_that_stalls_is_given_up() {
        let stalled = Rest { source: stream::pending().boxed(), ..rest(vec![], 1) };
        assert!(matches!(lengths(stalled).await, Err(BlobError::Unavailable(_))));
    }
}
