//! `less-sync file rm`

use anyhow::Context as _;
use clap::Args;
use less_sync_client::Change;
use less_sync_core::FileId;

use super::catalog::{self, Entry, Owner, State};
use super::place::Place;
use super::rejection;
use super::retry::Attempts;
use crate::line::Line;
use crate::output::Output;
use crate::report::Failure;
use crate::target::{SpaceArgument, Target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Ids or names of the files
    #[arg(value_name = "ID|NAME", required = true)]
    files: Vec<String>,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Deletes files and the records that own them. A record of another app stays.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let place = Place::open(target, &arguments.space).await?;
    let removed = remove_all(&place, &arguments.files, Output::new(json)).await.map_err(Failure::from);
    place.close(removed).await
}

async fn remove_all(place: &Place<'_>, wanted: &[String], output: Output) -> anyhow::Result<()> {
    let entries = catalog::read(place).await?;
    // All or none of them are known, before the first is gone.
    let found = wanted.iter().map(|wanted| catalog::find(&entries, wanted));
    for entry in found.collect::<anyhow::Result<Vec<&Entry>>>()? {
        let name = entry.name();
        remove(place, entry).await.with_context(|| format!("cannot delete {name}"))?;
        let line = Line::new()
            .with("file", entry.file.to_string())
            .with_some("name", entry.description().map(|described| described.name.as_str()))
            .with("deleted", true);
        output.write(&line).context("cannot write the result")?;
    }
    Ok(())
}

/// The file first: a record that is left over still says what there was, and can be deleted again.
async fn remove(place: &Place<'_>, entry: &Entry) -> anyhow::Result<()> {
    // What is missing is not there, or belongs to another record than the one that says so.
    if matches!(entry.state, State::Stored(_)) {
        delete(place, entry.file).await?;
    }
    if let Owner::Described { record, cursor, .. } = &entry.owner {
        let pushed = place.push(Change::delete(*record, *cursor), None).await;
        pushed.map_err(|error| rejection::of_push(place, error))?;
    }
    Ok(())
}

async fn delete(place: &Place<'_>, file: FileId) -> anyhow::Result<()> {
    let mut attempts = Attempts::default();
    loop {
        let token = place.token().await?;
        match place.file(&token, file).delete().await {
            Ok(()) => return Ok(()),
            Err(error) => attempts.again(error).await.map_err(|error| rejection::of_file(place, error))?,
        }
    }
}
