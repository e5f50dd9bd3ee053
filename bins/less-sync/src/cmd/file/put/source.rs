//! A file that is to be uploaded.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use less_sync_client::FileDescription;
use less_sync_client::crypto::FILE_SEGMENT;
use less_sync_core::FileId;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// A file as it was when it was read for the first time.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

impl Source {
    /// Reads it once, for what its record has to say before it is uploaded.
    pub(super) async fn read(path: &Path) -> anyhow::Result<Self> {
        let cannot = || "cannot read it";
        let mut file = File::open(path).await.with_context(cannot)?;
        ensure!(file.metadata().await.with_context(cannot)?.is_file(), "it is no file");
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

/// The name that others will see, and must be able to use.
fn name(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let described = FileDescription { file: FileId::from_bytes([0; 16]), name, size: 0, sha256: [0; 32] };
    let name = described.path_name().map(str::to_owned);
    name.context("its name is none that others could use")
}
