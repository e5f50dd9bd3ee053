//! File to upload: name, size and hash.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use less_sync_client::FileDescription;
use less_sync_client::crypto::FILE_SEGMENT;
use less_sync_core::FileId;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// File as described by its record.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// Size in bytes.
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

impl Source {
    /// Reads the file once, because its record needs size and hash before the upload.
    pub(super) async fn read(path: &Path) -> anyhow::Result<Self> {
        let cannot = || "cannot read the file";
        let mut file = File::open(path).await.with_context(cannot)?;
        ensure!(file.metadata().await.with_context(cannot)?.is_file(), "not a regular file");
        let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; FILE_SEGMENT]);
        loop {
            let read = file.read(&mut buffer).await.with_context(cannot)?;
            let Some(bytes @ [_, ..]) = buffer.get(..read) else { break };
            hasher.update(bytes);
            size += read as u64;
        }
        let name = name(path)?;
        Ok(Self { path: path.to_owned(), name, size, sha256: hasher.finalize().into() })
    }
}

/// File name that is valid on other systems as well.
fn name(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let described = FileDescription { file: FileId::from_bytes([0; 16]), name, size: 0, sha256: [0; 32] };
    let name = described.path_name().map(str::to_owned);
    name.context("the file name is not portable")
}
