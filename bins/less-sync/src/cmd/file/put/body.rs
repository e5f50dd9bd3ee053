//! The content of a file, encrypted as it is sent.

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

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsendable {
    #[error("cannot read it")]
    Read(#[from] std::io::Error),
    #[error("it changed while it was read")]
    Changed,
}

/// How a content is sent.
#[derive(Debug)]
pub(super) struct Manner {
    /// Where it is shown.
    pub(super) bar: ProgressBar,
    /// How long to wait before.
    pub(super) pause: Duration,
}

/// The ciphertext of `source`. The end comes only if the content is still the one that was described.
pub(super) fn sealed(
    source: &Source,
    sealer: FileSealer,
    manner: Manner,
) -> impl Stream<Item = Result<Bytes, Unsendable>> + Send + use<> {
    let Manner { bar, pause } = manner;
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
    /// Open once it is needed.
    file: Option<File>,
    sealer: FileSealer,
    hasher: Sha256,
    left: u64,
    bar: ProgressBar,
}

impl Reading {
    async fn begin(&mut self, path: PathBuf, pause: Duration) -> Result<(), Unsendable> {
        if self.file.is_none() {
            tokio::time::sleep(pause).await;
            self.file = Some(File::open(path).await?);
        }
        Ok(())
    }

    /// The next ciphertext; `None` when only the end is left.
    async fn piece(&mut self) -> Result<Option<Bytes>, Unsendable> {
        let mut sealed = Vec::with_capacity(FILE_SEGMENT + 64);
        let mut buffer = vec![0; FILE_SEGMENT];
        while sealed.is_empty() {
            let Some(file) = &mut self.file else { return Ok(None) };
            let read = file.read(&mut buffer).await?;
            let Some(bytes @ [_, ..]) = buffer.get(..read) else { return Ok(None) };
            self.left = self.left.checked_sub(read as u64).ok_or(Unsendable::Changed)?;
            self.hasher.update(bytes);
            self.sealer.update(bytes, &mut sealed);
            self.bar.inc(read as u64);
        }
        Ok(Some(sealed.into()))
    }

    fn end(self, sha256: [u8; 32]) -> Result<Bytes, Unsendable> {
        if self.left > 0 || <[u8; 32]>::from(self.hasher.finalize()) != sha256 {
            return Err(Unsendable::Changed);
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

    async fn sent(source: &Source) -> Result<u64, Unsendable> {
        let space = SpaceId::from_bytes([1; 16]);
        let mut ring = KeyRing::new(space);
        ring.insert(SpaceKey::random(space, Epoch::FIRST));
        let (sealer, _) = ring.seal_file(Epoch::FIRST, FileId::from_bytes([2; 16])).unwrap();
        let manner = Manner { bar: ProgressBar::hidden(), pause: Duration::ZERO };
        let pieces: Vec<Bytes> = sealed(source, sealer, manner).try_collect().await?;
        Ok(pieces.iter().map(|piece| piece.len() as u64).sum())
    }

    #[tokio::test]
    async fn exactly_the_announced_bytes_are_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [0, 1, FILE_SEGMENT, FILE_SEGMENT + 1, 3 * FILE_SEGMENT] {
            std::fs::write(&path, vec![7; size]).unwrap();
            let source = Source::read(&path).await.unwrap();
            assert_eq!(sent(&source).await.unwrap(), sealed_size(size as u64), "{size}");
        }
    }

    #[tokio::test]
    async fn a_file_that_changes_in_between_is_not_sent_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "content").unwrap();
        let source = Source::read(&path).await.unwrap();
        for other in ["Content", "conten", "contents", ""] {
            std::fs::write(&path, other).unwrap();
            assert!(matches!(sent(&source).await, Err(Unsendable::Changed)), "{other}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(sent(&source).await, Err(Unsendable::Read(_))));
    }
}
