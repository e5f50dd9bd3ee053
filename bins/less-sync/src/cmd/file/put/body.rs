//! Upload body: file content encrypted while it is sent.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use indicatif::ProgressBar;
use less_sync_client::crypto::{FILE_SEGMENT, FileSealer};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::source::Source;

/// Failure to read the file during its upload.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadSourceError {
    #[error("cannot read the file")]
    Read(#[from] std::io::Error),
    #[error("the file changed while it was read")]
    Changed,
}

/// Progress display and delay of an upload.
#[derive(Debug)]
pub(super) struct SendOptions {
    /// Progress bar, in plaintext bytes.
    pub(super) bar: ProgressBar,
    /// Delay before the content is sent.
    pub(super) pause: Duration,
}

/// Ciphertext of `source`. The final segment is only produced if size and hash still match the description, so that the
/// server never stores a file that contradicts its record.
pub(super) fn sealed(
    source: &Source,
    sealer: FileSealer,
    options: SendOptions,
) -> impl Stream<Item = Result<Bytes, UploadSourceError>> + Send + use<> {
    let SendOptions { bar, pause } = options;
    let reading = Reading { file: None, sealer, hasher: Sha256::new(), left: source.size, bar };
    let (path, sha256) = (source.path.clone(), source.sha256);
    stream::try_unfold(Some(reading), move |reading| {
        let path = path.clone();
        async move {
            let Some(mut reading) = reading else { return Ok(None) };
            reading.begin(path, pause).await?;
            Ok(Some(match reading.piece().await? {
                Some(piece) => (piece, Some(reading)),
                None => (reading.end(sha256)?, None),
            }))
        }
    })
}

struct Reading {
    /// Opened when the delay is over.
    file: Option<File>,
    sealer: FileSealer,
    hasher: Sha256,
    left: u64,
    bar: ProgressBar,
}

impl Reading {
    async fn begin(&mut self, path: PathBuf, pause: Duration) -> Result<(), UploadSourceError> {
        if self.file.is_none() {
            tokio::time::sleep(pause).await;
            self.file = Some(File::open(path).await?);
        }
        Ok(())
    }

    /// Next piece of ciphertext; `None` when only the final segment is left.
    async fn piece(&mut self) -> Result<Option<Bytes>, UploadSourceError> {
        let mut sealed = Vec::with_capacity(FILE_SEGMENT + 64);
        let mut buffer = vec![0; FILE_SEGMENT];
        while sealed.is_empty() {
            let Some(file) = &mut self.file else { return Ok(None) };
            let read = file.read(&mut buffer).await?;
            let Some(bytes @ [_, ..]) = buffer.get(..read) else { return Ok(None) };
            self.left = self.left.checked_sub(read as u64).ok_or(UploadSourceError::Changed)?;
            self.hasher.update(bytes);
            self.sealer.update(bytes, &mut sealed);
            self.bar.inc(read as u64);
        }
        Ok(Some(sealed.into()))
    }

    fn end(self, sha256: [u8; 32]) -> Result<Bytes, UploadSourceError> {
        if self.left > 0 || <[u8; 32]>::from(self.hasher.finalize()) != sha256 {
            return Err(UploadSourceError::Changed);
        }
        let mut sealed = Vec::new();
        self.sealer.finish(&mut sealed);
        Ok(sealed.into())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use less_sync_client::crypto::{KeyRing, SpaceKey, sealed_size};
    use less_sync_core::{Epoch, FileId, SpaceId};

    use super::*;

    async fn sent(source: &Source) -> Result<u64, UploadSourceError> {
        let space = SpaceId::from_bytes([1; 16]);
        let mut ring = KeyRing::new(space);
        ring.insert(SpaceKey::random(space, Epoch::FIRST));
        let (sealer, _) = ring.seal_file(Epoch::FIRST, FileId::from_bytes([2; 16])).unwrap();
        let options = SendOptions { bar: ProgressBar::hidden(), pause: Duration::ZERO };
        let pieces: Vec<Bytes> = sealed(source, sealer, options).try_collect().await?;
        Ok(pieces.iter().map(|piece| piece.len() as u64).sum())
    }

    #[tokio::test]
    async fn ciphertext_has_exactly_the_announced_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [0, 1, FILE_SEGMENT, FILE_SEGMENT + 1, 3 * FILE_SEGMENT] {
            std::fs::write(&path, vec![7; size]).unwrap();
            let source = Source::read(&path, None, async |_| Ok(())).await.unwrap();
            assert_eq!(sent(&source).await.unwrap(), sealed_size(size as u64), "{size}");
        }
    }

    #[tokio::test]
    async fn changed_file_is_not_sent_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "content").unwrap();
        let source = Source::read(&path, None, async |_| Ok(())).await.unwrap();
        for other in ["Content", "conten", "contents", ""] {
            std::fs::write(&path, other).unwrap();
            assert!(matches!(sent(&source).await, Err(UploadSourceError::Changed)), "{other}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(sent(&source).await, Err(UploadSourceError::Read(_))));
    }
}
