//! Reader of an object in a directory: a stream of chunks with one chunk of read-ahead.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use less_sync_storage::{BlobError, BlobReader};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};
use tokio::task::JoinHandle;

use super::blocking;
use super::error::{blob_error, open_error};
use crate::{PIECE, Violation};

/// Open file and the range that is left to read.
struct Rest {
    file: File,
    range: Range<u64>,
}

/// A chunk that was read, and the rest after it.
struct ReadChunk {
    chunk: Bytes,
    rest: Rest,
}

/// Opens an object and reads its first chunk, with one visit to the blocking pool.
pub(super) async fn open(path: PathBuf, range: Option<Range<u64>>) -> Result<BlobReader, BlobError> {
    let (size, first) = blocking::run(move || begin(&path, range)).await?;
    Ok(BlobReader { size, bytes: chunks(first) })
}

fn begin(path: &Path, range: Option<Range<u64>>) -> Result<(u64, ReadChunk), BlobError> {
    let file = File::open(path).map_err(open_error)?;
    let found = file.metadata().map_err(blob_error)?;
    if !found.is_file() {
        return Err(BlobError::NotFound);
    }
    let range = range.unwrap_or(0..found.len());
    if range.start > range.end || range.end > found.len() {
        return Err(Violation::Range.into());
    }
    Ok((found.len(), Rest { file, range }.read_chunk()?))
}

/// Stream of chunks; the next one is read while the consumer handles the current one.
fn chunks(first: ReadChunk) -> BoxStream<'static, Result<Bytes, BlobError>> {
    stream::unfold(Reading::Ready(first), |reading| async {
        let next = match reading {
            Reading::Ready(chunk) => Ok(chunk),
            Reading::Ahead(ahead) => blocking::joined(ahead.await),
            Reading::Over => return None,
        };
        match next {
            Ok(ReadChunk { chunk, .. }) if chunk.is_empty() => None,
            Ok(ReadChunk { chunk, rest }) => Some((Ok(chunk), rest.read_ahead())),
            Err(error) => Some((Err(error), Reading::Over)),
        }
    })
    .boxed()
}

enum Reading {
    Ready(ReadChunk),
    Ahead(JoinHandle<Result<ReadChunk, BlobError>>),
    Over,
}

impl Rest {
    fn read_ahead(self) -> Reading {
        if self.range.is_empty() {
            Reading::Over
        } else {
            Reading::Ahead(blocking::start(move || self.read_chunk()))
        }
    }

    /// Reads a full chunk, or the rest of the range. A file that ends before that is an error.
    fn read_chunk(self) -> Result<ReadChunk, BlobError> {
        let Range { start, end } = self.range;
        let length = usize::try_from(end - start).map_or(PIECE, |left| left.min(PIECE));
        let mut chunk = Vec::with_capacity(length);
        while chunk.len() < length {
            let offset = start + chunk.len() as u64;
            match pread(&self.file, spare_capacity(&mut chunk), offset) {
                Ok(0) => return Err(Violation::EndedEarly.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(blob_error(error.into())),
            }
        }
        // The capacity may exceed the request, and `pread` fills all of it if the file has grown.
        chunk.truncate(length);
        let rest = Self { file: self.file, range: start + length as u64..end };
        Ok(ReadChunk { chunk: chunk.into(), rest })
    }
}
