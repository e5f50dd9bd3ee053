//! Reads an object piece by piece.

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

use super::error::{blob_error, open_error};
use super::pool;
use crate::{PIECE, Violation};

/// What is left to read of a file.
struct Rest {
    file: File,
    range: Range<u64>,
}

/// A piece, and what comes after it.
struct Turn {
    piece: Bytes,
    rest: Rest,
}

/// Opens an object and reads its first piece, in one visit to the pool of threads.
pub(super) async fn open(path: PathBuf, range: Option<Range<u64>>) -> Result<BlobReader, BlobError> {
    let (size, first) = pool::run(move || begin(&path, range)).await?;
    Ok(BlobReader { size, bytes: pieces(first) })
}

fn begin(path: &Path, range: Option<Range<u64>>) -> Result<(u64, Turn), BlobError> {
    let file = File::open(path).map_err(open_error)?;
    let found = file.metadata().map_err(blob_error)?;
    if !found.is_file() {
        return Err(BlobError::NotFound);
    }
    let range = range.unwrap_or(0..found.len());
    if range.start > range.end || range.end > found.len() {
        return Err(Violation::Range.into());
    }
    Ok((found.len(), Rest { file, range }.turn()?))
}

/// While one piece is with the reader, the next one is read; no more.
fn pieces(first: Turn) -> BoxStream<'static, Result<Bytes, BlobError>> {
    stream::unfold(Reading::Ready(first), |reading| async {
        let turned = match reading {
            Reading::Ready(turn) => Ok(turn),
            Reading::Ahead(ahead) => pool::joined(ahead.await),
            Reading::Over => return None,
        };
        match turned {
            Ok(Turn { piece, .. }) if piece.is_empty() => None,
            Ok(Turn { piece, rest }) => Some((Ok(piece), rest.read_on())),
            Err(error) => Some((Err(error), Reading::Over)),
        }
    })
    .boxed()
}

enum Reading {
    Ready(Turn),
    Ahead(JoinHandle<Result<Turn, BlobError>>),
    Over,
}

impl Rest {
    fn read_on(self) -> Reading {
        if self.range.is_empty() { Reading::Over } else { Reading::Ahead(pool::begin(move || self.turn())) }
    }

    /// Reads a full piece, or all that is left. A file that ends before is an error.
    fn turn(self) -> Result<Turn, BlobError> {
        let Range { start, end } = self.range;
        let length = usize::try_from(end - start).map_or(PIECE, |left| left.min(PIECE));
        let mut piece = Vec::with_capacity(length);
        while piece.len() < length {
            let offset = start + piece.len() as u64;
            match pread(&self.file, spare_capacity(&mut piece), offset) {
                Ok(0) => return Err(Violation::EndedEarly.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(blob_error(error.into())),
            }
        }
        // The file may have grown, and the buffer may be larger than was asked for.
        piece.truncate(length);
        let rest = Self { file: self.file, range: start + length as u64..end };
        Ok(Turn { piece: piece.into(), rest })
    }
}
