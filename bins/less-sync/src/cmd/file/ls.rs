//! `less-sync file ls`

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::catalog::{self, Entry, Owner, State};
use super::place::Place;
use crate::line::Line;
use crate::output::Output;
use crate::report::Failure;
use crate::target::{SpaceArgument, Target};

#[derive(Debug, Args)]
#[command(
    after_help = "A file is `missing` while its upload is under way or after it has failed, and `deleted` when only its record is left. One that cannot be read is listed without a name, and the exit code is 3."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    space: SpaceArgument,
}

/// Prints the files of a space by name.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let place = Place::open(target, &arguments.space).await?;
    let entries = catalog::read(&place).await.map_err(Failure::from);
    let entries = place.close(entries).await?;
    let output = Output::new(json);
    for entry in &entries {
        output.write(&line(entry)).context("cannot write the result")?;
    }
    match entries.iter().filter(|entry| matches!(entry.owner, Owner::Unreadable(..))).count() {
        0 => Ok(()),
        1 => Err(Failure::found(anyhow!("1 file cannot be read"))),
        several => Err(Failure::found(anyhow!("{several} files cannot be read"))),
    }
}

fn line(entry: &Entry) -> Line {
    let described = entry.description();
    let unreadable = match &entry.owner {
        Owner::Unreadable(_, why) => Some(why.to_string()),
        Owner::Described { .. } | Owner::Foreign(_) => None,
    };
    let stored = match entry.state {
        State::Stored(bytes) => Some(bytes),
        State::Missing | State::Deleted => None,
    };
    Line::new()
        .with("file", entry.file.to_string())
        .with("record", entry.record().to_string())
        .with_some("name", described.map(|described| described.name.as_str()))
        .with_some("size", described.map(|described| described.size))
        .with_some("stored_bytes", stored)
        .with_some("missing", (entry.state == State::Missing).then_some(true))
        .with_some("deleted", (entry.state == State::Deleted).then_some(true))
        .with_some("unreadable", unreadable)
}
