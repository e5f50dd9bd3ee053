//! `less-sync push`

mod cursors;
mod input;
mod send;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use futures_util::{StreamExt as _, stream};
use less_sync_client::{Change, Code};
use less_sync_core::{Cursor, ErrorCode, RecordId};

use crate::cursor;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message, progress};
use crate::target::{SpaceArgument, SpaceConnection, Target};
use input::Input;
use send::{Item, Outcome};

#[derive(Debug, Args)]
#[command(
    after_help = "Records are encrypted with a key of the key directory, which the first push into a personal space creates. The server rejects records of more than 5 MiB by default."
)]
pub(crate) struct Arguments {
    /// Files to write as one record each [default: standard input, also named -]
    #[arg(value_name = "FILE", conflicts_with = "delete")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    space: SpaceArgument,
    /// Update or create this record instead of creating new ones
    #[arg(long, value_name = "RECORD", conflicts_with = "delete")]
    id: Option<RecordId>,
    /// Delete these records
    #[arg(long, value_name = "RECORD")]
    delete: Vec<RecordId>,
    /// Expected cursor of the record of --id or --delete; 0 for a new record [default: its current cursor]
    #[arg(long, value_name = "CURSOR", value_parser = cursor::parse)]
    expected_cursor: Option<Cursor>,
    /// Send the content unencrypted, for tests: everyone with access to the server can read it
    #[arg(long)]
    plain: bool,
}

/// Pushes records and prints a line for each. Records that the server rejects are reported on standard error and make the
/// command fail; the others are written.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    check(arguments)?;
    let mut opened = if arguments.plain {
        target.open_plain(&arguments.space).await?
    } else {
        target.open(&arguments.space).await?
    };
    let outcome = push(&mut opened, arguments, Output::new(json)).await;
    opened.connection.close().await;
    outcome
}

fn check(arguments: &Arguments) -> Result<(), Failure> {
    let named = usize::from(arguments.id.is_some()) + arguments.delete.len();
    if arguments.id.is_some() && arguments.files.len() > 1 {
        return Err(Failure::usage(anyhow!("--id takes one file, not {}", arguments.files.len())));
    }
    if arguments.expected_cursor.is_some() && named != 1 {
        return Err(Failure::usage(anyhow!("--expected-cursor requires --id or exactly one --delete")));
    }
    Ok(())
}

async fn push(opened: &mut SpaceConnection, arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let named: Vec<RecordId> = arguments.id.iter().chain(&arguments.delete).copied().collect();
    let cursors = match arguments.expected_cursor {
        Some(cursor) => named.iter().map(|id| (*id, cursor)).collect(),
        None => cursors::look_up(opened, &named).await?,
    };
    let expected = |id: &RecordId| cursors.get(id).copied().unwrap_or(Cursor::ZERO);
    if arguments.delete.is_empty() {
        opened.prepare_writing().await?;
        let opened = &*opened;
        let inputs = input::inputs(&arguments.files);
        let count = inputs.len();
        let items = stream::iter(inputs).then(|input| read(input, arguments.id, &expected, opened));
        let items = items.filter_map(async |item| item.transpose());
        return send(opened, items, count, output).await;
    }
    let missing = arguments.delete.iter().find(|id| expected(id) == Cursor::ZERO);
    if let Some(id) = missing.filter(|_| arguments.expected_cursor.is_none()) {
        return Err(anyhow!("there is no record {id} in this space").into());
    }
    let items = arguments
        .delete
        .iter()
        .map(|id| Ok(Item { change: Change::delete(*id, expected(id)), source: None, size: None }));
    send(opened, stream::iter(items), arguments.delete.len(), output).await
}

/// Encrypted record of an input; `None` if there is nothing to write.
async fn read(
    input: Input,
    id: Option<RecordId>,
    expected: &impl Fn(&RecordId) -> Cursor,
    opened: &SpaceConnection,
) -> anyhow::Result<Option<Item>> {
    let id = id.unwrap_or_else(input::new_record_id);
    let Some(content) = input.read().await? else {
        message("standard input is empty: nothing was written");
        return Ok(None);
    };
    let size = Some(content.len());
    let change = opened.seal(id, expected(&id), content)?;
    Ok(Some(Item { change, source: Some(input.name()), size }))
}

async fn send(
    opened: &SpaceConnection,
    items: impl stream::Stream<Item = anyhow::Result<Item>>,
    count: usize,
    output: Output,
) -> Result<(), Failure> {
    let bar = progress(count as u64, "records");
    let batches = send::batches(items);
    let mut outcomes = std::pin::pin!(send::outcomes(opened, batches));
    let mut rejected = 0_u64;
    while let Some(batch) = outcomes.next().await {
        for outcome in batch? {
            bar.inc(1);
            if !print(&outcome, output)? {
                rejected += 1;
            }
        }
    }
    bar.finish_and_clear();
    match rejected {
        0 => Ok(()),
        1 => Err(anyhow!("1 record was rejected").into()),
        rejected => Err(anyhow!("{rejected} records were rejected").into()),
    }
}

/// Prints the outcome of one record; returns whether it was written.
fn print(outcome: &Outcome, output: Output) -> anyhow::Result<bool> {
    let Outcome { record, source, size, result } = outcome;
    match result {
        Ok(cursor) => {
            let line = Fields::new()
                .with("record", record.to_string())
                .with("cursor", cursor.get())
                .with_some("size", *size)
                .with_some("deleted", size.is_none().then_some(true))
                .with_some("source", source.as_deref());
            output.write(&line).context("cannot write the result")?;
            Ok(true)
        }
        Err(code) => {
            let name = match source.as_deref() {
                Some("-") => "standard input".to_owned(),
                Some(name) => name.to_owned(),
                None => record.to_string(),
            };
            let hint = hint(code).map(|hint| format!(" ({hint})")).unwrap_or_default();
            message(&format!("rejected: {name}: {code}{hint}"));
            Ok(false)
        }
    }
}

/// Explanation of a rejection, with the next step.
fn hint(code: &Code) -> Option<&'static str> {
    let hints = [
        (ErrorCode::EpochStale, "a key rotation is in progress; try again"),
        (
            ErrorCode::Forbidden,
            "your rights in this space are read-only, have expired or were revoked: see less-sync space list",
        ),
        (ErrorCode::Conflict, "the record was changed meanwhile: pull it, then push again"),
        (
            ErrorCode::PayloadTooLarge,
            "larger than a record may be: use less-sync file put; or the space is full",
        ),
    ];
    hints.into_iter().find(|(known, _)| code.is(*known)).map(|(_, hint)| hint)
}
