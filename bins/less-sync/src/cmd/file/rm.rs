//! `less-sync file rm`

use anyhow::Context as _;
use clap::Args;
use less_sync_client::Change;
use less_sync_core::FileId;

use super::catalog::{self, Entry, FileState, Owner};
use super::rejections;
use super::retry::Retries;
use super::session::FileSession;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::Output;
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
    let session = FileSession::open(target, &arguments.space).await?;
    let removed = remove_all(&session, &arguments.files, Output::new(json)).await.map_err(Failure::from);
    session.close(removed).await
}

async fn remove_all(session: &FileSession<'_>, wanted: &[String], output: Output) -> anyhow::Result<()> {
    let entries = catalog::read(session).await?;
    // All names are resolved before the first file is deleted.
    let found = wanted.iter().map(|wanted| catalog::find(&entries, wanted));
    for entry in found.collect::<anyhow::Result<Vec<&Entry>>>()? {
        let name = entry.name();
        remove(session, entry).await.with_context(|| format!("cannot delete {name}"))?;
        let line = Fields::new()
            .with("file", entry.file.to_string())
            .with_some("name", entry.description().map(|described| described.name.as_str()))
            .with("deleted", true);
        output.write(&line).context("cannot write the result")?;
    }
    Ok(())
}

/// Deletes the file before its record, so that an interrupted deletion leaves a record that can be deleted later.
async fn remove(session: &FileSession<'_>, entry: &Entry) -> anyhow::Result<()> {
    // A missing file does not exist, or belongs to another record than the one that describes it.
    if matches!(entry.state, FileState::Stored(_)) {
        delete(session, entry.file).await?;
    }
    if let Owner::Described { record, cursor, .. } = &entry.owner {
        let pushed = session.push(Change::delete(*record, *cursor), None).await;
        pushed.map_err(|error| rejections::explain_push(session, error))?;
    }
    Ok(())
}

async fn delete(session: &FileSession<'_>, file: FileId) -> anyhow::Result<()> {
    let mut retries = Retries::default();
    loop {
        let token = session.token().await?;
        match session.file(&token, file).delete().await {
            Ok(()) => return Ok(()),
            Err(error) => {
                retries.retry_after(error).await.map_err(|error| rejections::explain_file(session, error))?;
            }
        }
    }
}
