//! `less-sync key import`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message};
use crate::target::Target;

/// Maximum size of an exported key, in bytes.
const MAX_SIZE: u64 = 4096;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Exported file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Stores an exported key in the key directory. Another key of the same space is not replaced.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let directory = target.key_directory()?;
    let path = arguments.file.display();
    let text = read(&arguments.file).await.with_context(|| format!("cannot read {path}"))?;
    let space = directory.import_personal(&text).map_err(Failure::from);
    let space = space.map_err(|failure| failure.context(format!("cannot import {path}")))?;
    let keys = directory.path().display().to_string();
    let line = Fields::new().with("space", space.to_string()).with("keys", keys);
    Output::new(json).write(&line).context("cannot write the result")?;
    message("imported; delete the file");
    Ok(())
}

async fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        return read_bounded(tokio::io::stdin()).await;
    }
    read_bounded(tokio::fs::File::open(path).await?).await
}

async fn read_bounded(source: impl AsyncRead + Unpin) -> anyhow::Result<String> {
    let mut text = String::new();
    source.take(MAX_SIZE + 1).read_to_string(&mut text).await?;
    if text.len() as u64 > MAX_SIZE { Err(anyhow!("too large for an exported key")) } else { Ok(text) }
}
