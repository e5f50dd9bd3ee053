//! Source of an upload: name, size and hash of a file, a pipe or standard input.

use std::fs::FileType;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use less_sync_client::FileDescription;
use less_sync_client::crypto::FILE_SEGMENT;
use less_sync_core::FileId;
use less_sync_core::limits::MIB;
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use crate::output::announce_terminal;

/// Size in bytes from which the limit of the server is checked before the content is read: reading takes longer than a request,
/// then. Content of unknown size is checked at every doubling.
const CHECKED: u64 = 8 * MIB as u64;

/// Content to upload, as described by its record.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// Size in bytes.
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    /// Temporary copy of a stream, removed with the last clone.
    _copy: Option<Arc<TempPath>>,
}

impl Source {
    /// Reads the content once, because its record needs size and hash before the upload. A stream is copied to a temporary file
    /// that only its owner can read. `check_size` is called with a size that is known or reached, in bytes.
    pub(super) async fn read(
        path: &Path,
        name: Option<&str>,
        check_size: impl AsyncFn(u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let cannot = || "cannot read the file";
        if path == Path::new("-") {
            let Some(name) = name else { bail!("standard input has no name: give --name") };
            announce_terminal();
            return Self::copy(tokio::io::stdin(), portable(name)?, check_size).await;
        }
        let name = portable(name.or_else(|| path.file_name()?.to_str()).unwrap_or_default());
        // Checked before it is opened: the open of a pipe waits for a writer, and a socket cannot be opened.
        let found = tokio::fs::metadata(path).await.with_context(cannot)?;
        if is_stream(found.file_type()) {
            let stream = File::open(path).await.with_context(cannot)?;
            return Self::copy(stream, name?, check_size).await;
        }
        ensure!(found.is_file(), "not a regular file");
        let (mut file, name) = (File::open(path).await.with_context(cannot)?, name?);
        if found.len() >= CHECKED {
            check_size(found.len()).await?;
        }
        let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; FILE_SEGMENT]);
        loop {
            let read = file.read(&mut buffer).await.with_context(cannot)?;
            let Some(bytes @ [_, ..]) = buffer.get(..read) else { break };
            hasher.update(bytes);
            size += read as u64;
        }
        Ok(Self { path: path.to_owned(), name, size, sha256: hasher.finalize().into(), _copy: None })
    }

    async fn copy(
        mut stream: impl AsyncRead + Unpin,
        name: String,
        check_size: impl AsyncFn(u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let cannot = || "cannot write a temporary file";
        // Created with mode 0600.
        let (copy, path) = NamedTempFile::new().with_context(cannot)?.into_parts();
        let mut copy = File::from_std(copy);
        let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; FILE_SEGMENT]);
        let mut next_check = CHECKED;
        loop {
            let read = stream.read(&mut buffer).await.context("cannot read the stream")?;
            let Some(bytes @ [_, ..]) = buffer.get(..read) else { break };
            hasher.update(bytes);
            copy.write_all(bytes).await.with_context(cannot)?;
            size += read as u64;
            if size >= next_check {
                check_size(size).await?;
                next_check = size.saturating_mul(2);
            }
        }
        copy.flush().await.with_context(cannot)?;
        let sha256 = hasher.finalize().into();
        Ok(Self { path: path.to_path_buf(), name, size, sha256, _copy: Some(Arc::new(path)) })
    }
}

/// Returns whether the content has no size before it is read.
fn is_stream(kind: FileType) -> bool {
    kind.is_fifo() || kind.is_char_device()
}

/// File name that is valid on other systems as well.
fn portable(name: &str) -> anyhow::Result<String> {
    let file = FileId::from_bytes([0; 16]);
    let described = FileDescription { file, name: name.to_owned(), size: 0, sha256: [0; 32] };
    let name = described.path_name().map(str::to_owned);
    name.context("the file name is not portable: give another one with --name")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use pretty_assertions::assert_eq;

    use super::*;

    #[tokio::test]
    async fn stream_is_copied_and_its_size_is_checked_as_it_grows() {
        let content = vec![7; 20 * MIB];
        let checked = RefCell::new(Vec::new());
        let check = async |size: u64| {
            checked.borrow_mut().push(size / MIB as u64);
            Ok(())
        };
        let source = Source::copy(content.as_slice(), "a".to_owned(), check).await.unwrap();
        assert_eq!(*checked.borrow(), [8, 16]);
        assert_eq!(
            (source.size, std::fs::read(&source.path).unwrap().len()),
            (content.len() as u64, content.len())
        );
        let path = source.path.clone();
        drop(source);
        assert!(!path.exists());
        let full = async |_: u64| bail!("too large");
        assert!(Source::copy(content.as_slice(), "a".to_owned(), full).await.is_err());
    }

    #[tokio::test]
    async fn large_file_is_checked_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        std::fs::File::create(&path).unwrap().set_len(1 << 43).unwrap();
        let full = async |size: u64| bail!("{size} bytes are too large");
        let error = Source::read(&path, None, full).await.unwrap_err().to_string();
        assert_eq!(error, format!("{} bytes are too large", 1_u64 << 43));
    }
}
