//! `less-sync file ls`

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::catalog::{self, Entry, FileState, Owner};
use super::session::FileSession;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::Output;
use crate::target::{SpaceArgument, Target};

#[derive(Debug, Args)]
#[command(
    after_help = "A file is `missing` during its upload or after it failed, and `deleted` when only its record is left. A file that cannot be decrypted is listed without a name, and the exit code is 3."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    space: SpaceArgument,
}

/// Prints the files of a space, sorted by name.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let session = FileSession::open(target, &arguments.space).await?;
    let entries = catalog::read(&session).await.map_err(Failure::from);
    let entries = session.close(entries).await?;
    let output = Output::new(json);
    for entry in &entries {
        output.write(&line(entry)).context("cannot write the result")?;
    }
    match entries.iter().filter(|entry| matches!(entry.owner, Owner::Undecryptable(..))).count() {
        0 => Ok(()),
        1 => Err(Failure::found(anyhow!("1 file cannot be decrypted"))),
        several => Err(Failure::found(anyhow!("{several} files cannot be decrypted"))),
    }
}

fn line(entry: &Entry) -> Fields {
    let described = entry.description();
    let unreadable = match &entry.owner {
        Owner::Undecryptable(_, why) => Some(why.to_string()),
        Owner::Described { .. } | Owner::Foreign(_) => None,
    };
    let stored = match entry.state {
        FileState::Stored(bytes) => Some(bytes),
        FileState::Missing | FileState::Deleted => None,
    };
    Fields::new()
        .with("file", entry.file.to_string())
        .with("record", entry.record().to_string())
        .with_some("name", described.map(|described| described.name.as_str()))
        .with_some("size", described.map(|described| described.size))
        .with_some("stored_bytes", stored)
        .with_some("missing", (entry.state == FileState::Missing).then_some(true))
        .with_some("deleted", (entry.state == FileState::Deleted).then_some(true))
        .with_some("unreadable", unreadable)
}
