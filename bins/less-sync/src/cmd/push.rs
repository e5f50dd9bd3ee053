//! `less-sync push`

mod cursors;
mod input;
mod send;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use futures_util::{StreamExt as _, stream};
use less_sync_client::Change;
use less_sync_core::{Cursor, ErrorCode, RecordId};

use crate::cursor;
use crate::line::Line;
use crate::output::{Output, progress};
use crate::report::{Failure, say};
use crate::shared::Shared;
use crate::target::{Opened, SpaceArgument, Target};
use input::Input;
use send::{Item, Outcome};

#[derive(Debug, Args)]
#[command(
    after_help = "In a shared space whose keys you have, records are encrypted; elsewhere they go as they are. A record of more than 5 MiB is rejected by the server."
)]
pub(crate) struct Arguments {
    /// Files to write as one record each; - or nothing for standard input
    #[arg(value_name = "FILE", conflicts_with = "delete")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    space: SpaceArgument,
    /// Write this record instead of new ones: update it, or make it
    #[arg(long, value_name = "RECORD", conflicts_with = "delete")]
    id: Option<RecordId>,
    /// Delete these records
    #[arg(long, value_name = "RECORD")]
    delete: Vec<RecordId>,
    /// Where the record of --id or --delete was last written; 0 for a new one [default: looked up]
    #[arg(long, value_name = "CURSOR", value_parser = cursor::parse)]
    expected_cursor: Option<Cursor>,
}

/// Pushes, and says of every record where it went. What the server rejects is said on standard error and makes
/// the command fail; the others are written all the same.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    check(arguments)?;
    let opened = target.open(&arguments.space).await?;
    let outcome = push(&opened, arguments, Output::new(json)).await;
    opened.connection.close().await;
    outcome
}

fn check(arguments: &Arguments) -> Result<(), Failure> {
    let named = usize::from(arguments.id.is_some()) + arguments.delete.len();
    if arguments.id.is_some() && arguments.files.len() > 1 {
        return Err(Failure::usage(anyhow!("--id takes one file, not {}", arguments.files.len())));
    }
    if arguments.expected_cursor.is_some() && named != 1 {
        return Err(Failure::usage(anyhow!("--expected-cursor goes with --id or with one --delete")));
    }
    Ok(())
}

async fn push(opened: &Opened, arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let named: Vec<RecordId> = arguments.id.iter().chain(&arguments.delete).copied().collect();
    let cursors = match arguments.expected_cursor {
        Some(cursor) => named.iter().map(|id| (*id, cursor)).collect(),
        None => cursors::look_up(opened, &named).await?,
    };
    let expected = |id: &RecordId| cursors.get(id).copied().unwrap_or(Cursor::ZERO);
    if arguments.delete.is_empty() {
        let inputs = input::inputs(&arguments.files);
        let count = inputs.len();
        let items = stream::iter(inputs).then(|input| read(input, arguments.id, &expected, opened));
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

async fn read(
    input: Input,
    id: Option<RecordId>,
    expected: &impl Fn(&RecordId) -> Cursor,
    opened: &Opened,
) -> anyhow::Result<Item> {
    let id = id.unwrap_or_else(input::new_record_id);
    let content = input.read().await?;
    let size = Some(content.len());
    let change = match &opened.shared {
        Some(shared) => sealed(shared, id, expected(&id), &content)?,
        None => Change::update(id, expected(&id), content),
    };
    Ok(Item { change, source: Some(input.name()), size })
}

/// The change, encrypted under the newest key.
fn sealed(shared: &Shared, id: RecordId, expected: Cursor, content: &[u8]) -> anyhow::Result<Change> {
    let keys = &shared.membership().keys;
    let newest = keys.newest().context("there is no key for this space")?;
    let sealed = keys.seal_record(newest.epoch(), id, content)?;
    Ok(Change::update(id, expected, sealed.blob).with_dek(sealed.dek.as_bytes().to_vec()))
}

async fn send(
    opened: &Opened,
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
            if !tell(&outcome, output)? {
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

/// Whether the record was written.
fn tell(outcome: &Outcome, output: Output) -> anyhow::Result<bool> {
    let Outcome { record, source, size, result } = outcome;
    match result {
        Ok(cursor) => {
            let line = Line::new()
                .with("record", record.to_string())
                .with("cursor", cursor.get())
                .with_some("size", *size)
                .with_some("deleted", size.is_none().then_some(true))
                .with_some("source", source.as_deref());
            output.write(&line).context("cannot write the result")?;
            Ok(true)
        }
        Err(code) => {
            let name = source.clone().unwrap_or_else(|| record.to_string());
            let hint =
                if code.is(ErrorCode::EpochStale) { " (the keys are being changed; try again)" } else { "" };
            say(&format!("rejected: {name}: {code}{hint}"));
            Ok(false)
        }
    }
}
