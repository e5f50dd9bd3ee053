//! Reader of an object in a bucket: a stream of chunks that ends in an error if the object is cut short.

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

/// Opens an object or a range of it. `stall` is the timeout between two chunks.
pub(super) async fn open(
    store: &AmazonS3,
    path: &Path,
    range: Option<Range<u64>>,
    stall: Duration,
) -> Result<BlobReader, BlobError> {
    match range {
        Some(range) if range.start >= range.end => open_empty(store, path, range).await,
        range => open_range(store, path, range, stall).await,
    }
}

/// Opens an empty range, which S3 cannot express: only the size of the object is requested.
async fn open_empty(store: &AmazonS3, path: &Path, range: Range<u64>) -> Result<BlobReader, BlobError> {
    let size = store.head(path).await.map_err(open_error)?.size;
    if range.start > range.end || range.end > size {
        return Err(Violation::Range.into());
    }
    Ok(BlobReader { size, bytes: stream::empty().boxed() })
}

async fn open_range(
    store: &AmazonS3,
    path: &Path,
    range: Option<Range<u64>>,
    stall: Duration,
) -> Result<BlobReader, BlobError> {
    let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
    let found = store.get_opts(path, options).await.map_err(open_error)?;
    let size = found.meta.size;
    let range = range.unwrap_or(0..size);
    // A range beyond the end of the object is shortened by the store, not rejected.
    if found.range != range {
        return Err(Violation::Range.into());
    }
    let rest =
        Rest { source: found.into_stream(), chunk: Bytes::new(), left: range.end - range.start, stall };
    Ok(BlobReader { size, bytes: rest.chunks() })
}

/// Response body and the bytes that are left of it.
struct Rest {
    source: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
    /// Bytes that the source has not delivered yet.
    left: u64,
    stall: Duration,
}

impl Rest {
    fn chunks(self) -> BoxStream<'static, Result<Bytes, BlobError>> {
        stream::try_unfold(self, |mut rest| async {
            if rest.chunk.is_empty() && rest.left > 0 {
                rest.chunk = rest.next_chunk().await?;
                rest.left -= rest.chunk.len() as u64;
            }
            let chunk = rest.chunk.split_to(PIECE.min(rest.chunk.len()));
            Ok(if chunk.is_empty() { None } else { Some((chunk, rest)) })
        })
        .boxed()
    }

    /// The next chunk of the source: not empty, and no more than the bytes left.
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
        rest.chunks().map_ok(|chunk| chunk.len()).try_collect().await
    }

    #[tokio::test]
    async fn large_chunks_are_split_and_empty_ones_skipped() {
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
    async fn stalled_store_is_unavailable() {
        let stalled = Rest { source: stream::pending().boxed(), ..rest(vec![], 1) };
        assert!(matches!(lengths(stalled).await, Err(BlobError::Unavailable(_))));
    }
}
