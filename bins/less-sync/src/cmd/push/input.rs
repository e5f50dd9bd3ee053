//! Sources of record content.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use less_sync_core::RecordId;
use less_sync_core::limits::INBOUND_MESSAGE;
use tokio::io::AsyncReadExt as _;

/// File or standard input.
#[derive(Debug)]
pub(super) enum Input {
    Stdin,
    File(PathBuf),
}

/// Sources named by the command line.
pub(super) fn inputs(files: &[PathBuf]) -> Vec<Input> {
    if files.is_empty() {
        return vec![Input::Stdin];
    }
    files
        .iter()
        .map(|file| if file == Path::new("-") { Input::Stdin } else { Input::File(file.clone()) })
        .collect()
}

/// Random record id.
#[expect(clippy::disallowed_methods, reason = "this is where the toolbox makes ids")]
pub(super) fn new_record_id() -> RecordId {
    uuid::Uuid::new_v4().into()
}

impl Input {
    /// Display name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Reads the content, bounded by the maximum size of a message.
    pub(super) async fn read(&self) -> anyhow::Result<Bytes> {
        let read = match self {
            Self::Stdin => read_bounded(tokio::io::stdin()).await,
            Self::File(path) => match tokio::fs::File::open(path).await {
                Ok(file) => read_bounded(file).await,
                Err(error) => Err(error),
            },
        };
        let bytes = read.with_context(|| format!("cannot read {}", self.name()))?;
        anyhow::ensure!(bytes.len() <= INBOUND_MESSAGE, "{} exceeds the maximum message size", self.name());
        Ok(bytes.into())
    }
}

async fn read_bounded(source: impl tokio::io::AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(INBOUND_MESSAGE as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
