//! `less-sync file put`

mod body;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::crypto::sealed_size;
use less_sync_client::{Change, FileDescription, FileError, Stored, Upload};
use less_sync_core::{Cursor, Epoch, FileId, RecordId};

use super::place::Place;
use super::rejection;
use super::retry::Attempts;
use crate::line::Line;
use crate::output::{Output, transfer};
use crate::report::{Failure, say};
use crate::target::{SpaceArgument, Target};
use source::Source;

/// How long a repeated upload waits for an answer before it sends its content. Whoever is rejected at once does not hear it
/// when the connection breaks under what was sent meanwhile; and what is there already need not be sent.
const LISTENING: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
#[command(
    after_help = "Every file gets an id of its own and a record that says what it is called; putting it again makes another one. One that changes while it is read is rejected."
)]
pub(crate) struct Arguments {
    /// Files to upload
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Uploads files one after the other. What is rejected is said on standard error and makes the command fail; the others are
/// uploaded all the same.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut place = Place::open(target, &arguments.space).await?;
    let rejected = put_all(&mut place, &arguments.paths, Output::new(json)).await;
    match place.close(rejected).await? {
        0 => Ok(()),
        1 => Err(anyhow!("1 file was not uploaded").into()),
        several => Err(anyhow!("{several} files were not uploaded").into()),
    }
}

async fn put_all(place: &mut Place<'_>, paths: &[PathBuf], output: Output) -> Result<usize, Failure> {
    let mut rejected = 0;
    for path in paths {
        match put(place, path).await {
            Ok(line) => output.write(&line).context("cannot write the result")?,
            Err(error) => {
                rejected += 1;
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                say(&format!("rejected: {}: {}", path.display(), causes.join(": ")));
            }
        }
    }
    Ok(rejected)
}

/// One file on its way.
struct Item {
    source: Source,
    record: RecordId,
    file: FileId,
}

async fn put(place: &mut Place<'_>, path: &Path) -> anyhow::Result<Line> {
    let epoch = place.writing_epoch().await?;
    let source = Source::read(path).await?;
    let item = Item { source, record: new_id().into(), file: new_id().into() };
    let cursor = describe(place, &item, epoch).await?;
    if let Err(error) = upload(place, &item, epoch).await {
        return Err(withdraw(place, &item, cursor, error).await);
    }
    Ok(Line::new()
        .with("file", item.file.to_string())
        .with("record", item.record.to_string())
        .with("name", item.source.name.as_str())
        .with("size", item.source.size)
        .with("source", path.display().to_string()))
}

/// Writes the record that owns the file, which has to be there first (http §7.2, row 15).
async fn describe(place: &Place<'_>, item: &Item, epoch: Epoch) -> anyhow::Result<Cursor> {
    let Source { name, size, sha256, .. } = &item.source;
    let description = FileDescription { file: item.file, name: name.clone(), size: *size, sha256: *sha256 };
    let sealed = place.keys().seal_record(epoch, item.record, description.to_json().as_bytes())?;
    let change = Change::create(item.record, sealed.blob).with_dek(sealed.dek.as_bytes().to_vec());
    place.push(change, Some(epoch)).await.map_err(|error| rejection::of_push(place, error))
}

/// Uploads until the server has the file, or will not have it.
async fn upload(place: &mut Place<'_>, item: &Item, mut epoch: Epoch) -> anyhow::Result<()> {
    let bar = transfer(&item.source.name, item.source.size);
    let mut attempts = Attempts::default();
    let mut has_caught_up = false;
    loop {
        bar.reset();
        let pause = if attempts.is_repeated() { LISTENING } else { Duration::ZERO };
        match attempt(place, item, epoch, body::Manner { bar: bar.clone(), pause }).await? {
            Ok(Stored::Created | Stored::AlreadyThere) => break,
            Err(error) if rejection::is_stale(&error) && !has_caught_up => {
                has_caught_up = true;
                epoch = place.writing_epoch().await?;
            }
            Err(error) => attempts.again(error).await.map_err(|error| rejection::of_file(place, error))?,
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// One attempt, encrypted anew.
async fn attempt(
    place: &Place<'_>,
    item: &Item,
    epoch: Epoch,
    manner: body::Manner,
) -> anyhow::Result<Result<Stored, FileError>> {
    let (sealer, dek) = place.keys().seal_file(epoch, item.file)?;
    let upload = Upload { owner: item.record, dek, size: sealed_size(item.source.size), sha256: None };
    let token = place.token().await?;
    Ok(place.file(&token, item.file).put(&upload, body::sealed(&item.source, sealer, manner)).await)
}

/// Takes the record back of a file that did not come, and with it the file, should only the answer have been lost.
async fn withdraw(place: &Place<'_>, item: &Item, cursor: Cursor, error: anyhow::Error) -> anyhow::Error {
    match place.push(Change::delete(item.record, cursor), None).await {
        Ok(_) => error,
        Err(_) => {
            error.context(format!("less-sync file rm {} has to clear away what is left of it", item.file))
        }
    }
}

/// A random one: the server makes no sense of them.
#[expect(clippy::disallowed_methods, reason = "this is where the toolbox makes ids")]
fn new_id() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}
