//! `less-sync file put`

mod body;
mod new_id;
mod size_check;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::crypto::sealed_size;
use less_sync_client::{Change, FileDescription, FileError, Stored, Upload};
use less_sync_core::{Cursor, Epoch, FileId, RecordId};

use super::rejections;
use super::retry::Retries;
use super::session::FileSession;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message, transfer};
use crate::target::{SpaceArgument, Target};
use new_id::new_id;
use source::Source;

/// Delay of a repeated upload between its head and its content. If the server rejects the head and closes, content in
/// flight would reset the connection before the response is read. A file that exists already need not be sent at all.
const HEAD_DELAY: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
#[command(
    after_help = "Each upload creates a new file id and a record with the name. A file that changes while it is read is rejected. Standard input and pipes are kept in a temporary file until they are uploaded, because the record names their size."
)]
pub(crate) struct Arguments {
    /// Files and pipes to upload; - for standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Name of the file, if there is only one [default: the last component of its path]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Uploads files one after the other. Rejected files are reported on standard error and make the command fail; the others
/// are uploaded.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    if arguments.name.is_some() && arguments.paths.len() > 1 {
        return Err(Failure::usage(anyhow!("--name takes one file, not {}", arguments.paths.len())));
    }
    let mut session = FileSession::open(target, &arguments.space).await?;
    let rejected = put_all(&mut session, arguments, Output::new(json)).await;
    match session.close(rejected).await? {
        0 => Ok(()),
        1 => Err(anyhow!("1 file was not uploaded").into()),
        several => Err(anyhow!("{several} files were not uploaded").into()),
    }
}

async fn put_all(
    session: &mut FileSession<'_>,
    arguments: &Arguments,
    output: Output,
) -> Result<usize, Failure> {
    let mut rejected = 0;
    for path in &arguments.paths {
        match put(session, path, arguments.name.as_deref()).await {
            Ok(line) => output.write(&line).context("cannot write the result")?,
            Err(error) => {
                rejected += 1;
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                message(&format!("rejected: {}: {}", path.display(), causes.join(": ")));
            }
        }
    }
    Ok(rejected)
}

/// Upload of one file.
struct Item {
    source: Source,
    record: RecordId,
    file: FileId,
}

async fn put(session: &mut FileSession<'_>, path: &Path, name: Option<&str>) -> anyhow::Result<Fields> {
    let epoch = session.writing_epoch().await?;
    let source = Source::read(path, name, async |size| size_check::check(session, epoch, size).await).await?;
    let item = Item { source, record: new_id().into(), file: new_id().into() };
    let cursor = describe(session, &item, epoch).await?;
    if let Err(error) = upload(session, &item, epoch).await {
        return Err(withdraw(session, &item, cursor, error).await);
    }
    Ok(Fields::new()
        .with("file", item.file.to_string())
        .with("record", item.record.to_string())
        .with("name", item.source.name.as_str())
        .with("size", item.source.size)
        .with("source", path.display().to_string()))
}

/// Writes the owner record, which must exist before the file (http §7.2, row 15).
async fn describe(session: &FileSession<'_>, item: &Item, epoch: Epoch) -> anyhow::Result<Cursor> {
    let Source { name, size, sha256, .. } = &item.source;
    let description = FileDescription { file: item.file, name: name.clone(), size: *size, sha256: *sha256 };
    let sealed = session.keys().seal_record(epoch, item.record, description.to_json().as_bytes())?;
    let change = Change::create(item.record, sealed.blob).with_dek(sealed.dek.as_bytes().to_vec());
    session.push(change, Some(epoch)).await.map_err(|error| rejections::explain_push(session, error))
}

/// Uploads, with retries, until the server has stored or finally rejected the file.
async fn upload(session: &mut FileSession<'_>, item: &Item, mut epoch: Epoch) -> anyhow::Result<()> {
    let bar = transfer(&item.source.name, item.source.size);
    let mut retries = Retries::default();
    let mut has_refreshed_key = false;
    loop {
        bar.reset();
        let pause = if retries.has_failed() { HEAD_DELAY } else { Duration::ZERO };
        match attempt(session, item, epoch, body::SendOptions { bar: bar.clone(), pause }).await? {
            Ok(Stored::Created | Stored::AlreadyThere) => break,
            Err(error) if rejections::is_stale_epoch(&error) && !has_refreshed_key => {
                has_refreshed_key = true;
                epoch = session.writing_epoch().await?;
            }
            Err(error) => {
                retries.retry_after(error).await.map_err(|error| rejections::explain_file(session, error))?;
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Attempts the upload once. Content is encrypted under a new key each time, because nonces must not repeat.
async fn attempt(
    session: &FileSession<'_>,
    item: &Item,
    epoch: Epoch,
    options: body::SendOptions,
) -> anyhow::Result<Result<Stored, FileError>> {
    let (sealer, dek) = session.keys().seal_file(epoch, item.file)?;
    let upload = Upload { owner: item.record, dek, size: sealed_size(item.source.size), sha256: None };
    let token = session.token().await?;
    Ok(session.file(&token, item.file).put(&upload, body::sealed(&item.source, sealer, options)).await)
}

/// Deletes the record of a failed upload. That also deletes the file, if only the response to its upload was lost.
async fn withdraw(
    session: &FileSession<'_>,
    item: &Item,
    cursor: Cursor,
    error: anyhow::Error,
) -> anyhow::Error {
    match session.push(Change::delete(item.record, cursor), None).await {
        Ok(_) => error,
        Err(_) => error.context(format!("delete what is left of it with: less-sync file rm {}", item.file)),
    }
}
