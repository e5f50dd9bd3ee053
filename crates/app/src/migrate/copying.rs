//! Copies and hashes of objects, streamed.

use futures_util::StreamExt as _;
use less_sync_core::hex;
use less_sync_storage::{BlobError, BlobReader, BlobWriter};
use sha2::{Digest as _, Sha256};

/// Concurrent transfers.
pub(super) const TRANSFERS: usize = 8;

/// Reads an object to its end and returns its SHA-256 in hexadecimal digits.
pub(super) async fn hash(mut reader: BlobReader) -> Result<String, BlobError> {
    let mut digest = Sha256::new();
    while let Some(piece) = reader.bytes.next().await {
        digest.update(piece?);
    }
    Ok(hex::encode(&digest.finalize()))
}

/// Outcome of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// The copy is durable; its SHA-256.
    Whole(String),
    /// The source has another hash than expected. There is no copy.
    Mismatch,
}

/// Copies an object. With an `expected` SHA-256, another content leaves no copy.
pub(super) async fn copy(
    mut reader: BlobReader,
    mut writer: Box<dyn BlobWriter>,
    expected: Option<&str>,
) -> Result<Copied, BlobError> {
    let mut digest = Sha256::new();
    while let Some(piece) = reader.bytes.next().await {
        let piece = piece?;
        digest.update(&piece);
        writer.write(piece).await?;
    }
    let sha256 = hex::encode(&digest.finalize());
    if expected.is_some_and(|expected| expected != sha256) {
        writer.abort().await;
        return Ok(Copied::Mismatch);
    }
    writer.finish().await?;
    Ok(Copied::Whole(sha256))
}
