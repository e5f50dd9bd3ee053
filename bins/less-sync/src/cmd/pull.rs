//! `less-sync pull`

mod directory;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use indicatif::ProgressBar;
use less_sync_client::{FileRow, MembershipEntry, PullItem, PullSpace, RecordRow};
use less_sync_core::Cursor;

use crate::cursor;
use crate::line::Line;
use crate::output::{Output, counter};
use crate::report::Failure;
use crate::target::{Opened, SpaceArgument, Target};
use directory::Directory;

#[derive(Debug, Args)]
#[command(
    after_help = "The last line says where the space stands: give its cursor to --since to read on from there."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    space: SpaceArgument,
    /// Read what changed after this cursor
    #[arg(long, value_name = "CURSOR", default_value = "0", value_parser = cursor::parse)]
    since: Cursor,
    /// Write each record to a file of its name in this directory, and remove those of deleted ones
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Reads one space. Nothing is left out in silence: a pull that is not whole fails.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let opened = target.open(&arguments.space).await?;
    let pulled = pull(&opened, arguments, Output::new(json)).await;
    opened.connection.close().await;
    Ok(pulled?)
}

async fn pull(opened: &Opened, arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let directory = arguments.out.as_deref().map(Directory::open).transpose()?;
    let rows = Rows { directory, output, bar: counter("rows") };
    let space = PullSpace::from(opened.space, arguments.since);
    let mut pull = opened.connection.pull(&[space]).await.context("cannot pull")?;
    while let Some(item) = pull.next().await {
        rows.take(item.context("the pull failed; what was written so far is not complete")?)?;
    }
    let summary = pull.finish().await.context("the pull failed; what was written so far is not complete")?;
    rows.bar.finish_and_clear();
    if summary.skipped.is_empty() { Ok(()) } else { Err(anyhow!("the server does not show this space")) }
}

/// Where rows go.
struct Rows {
    directory: Option<Directory>,
    output: Output,
    bar: ProgressBar,
}

impl Rows {
    fn take(&self, item: PullItem) -> anyhow::Result<()> {
        let line = match item {
            PullItem::Begin { .. } => return Ok(()),
            PullItem::Record(row) => self.record(&row)?,
            PullItem::Membership { cursor, entries } => {
                for entry in &entries {
                    self.write(&membership(cursor, entry))?;
                }
                return Ok(());
            }
            PullItem::File { cursor, file } => file_line(cursor, &file),
            PullItem::Commit { space, prev, cursor, rows } => Line::new()
                .with("kind", "commit")
                .with("space", space.to_string())
                .with("since", prev.get())
                .with("cursor", cursor.get())
                .with("rows", rows),
        };
        self.write(&line)
    }

    fn record(&self, row: &RecordRow) -> anyhow::Result<Line> {
        let line = Line::new()
            .with("kind", "record")
            .with("record", row.id.to_string())
            .with("cursor", row.cursor.get())
            .with_some("size", row.blob.as_ref().map(bytes::Bytes::len))
            .with_some("deleted", row.is_deleted().then_some(true));
        let Some(directory) = &self.directory else {
            let blob = row.blob.as_ref().map(|blob| BASE64_STANDARD.encode(blob));
            let dek = row.dek.as_ref().map(|dek| BASE64_STANDARD.encode(dek));
            return Ok(line.with_some("blob", blob).with_some("dek", dek));
        };
        let path = directory.keep(row)?;
        Ok(line.with_some("path", path.map(|path| path.display().to_string())))
    }

    fn write(&self, line: &Line) -> anyhow::Result<()> {
        self.bar.inc(1);
        self.output.write(line).context("cannot write the result")
    }
}

fn membership(cursor: Cursor, entry: &MembershipEntry) -> Line {
    Line::new()
        .with("kind", "membership")
        .with("chain_seq", entry.chain_seq)
        .with("cursor", cursor.get())
        .with("size", entry.payload.len())
}

fn file_line(cursor: Cursor, file: &FileRow) -> Line {
    Line::new()
        .with("kind", "file")
        .with("file", file.id.to_string())
        .with("record", file.record_id.to_string())
        .with("cursor", cursor.get())
        .with_some("size", (!file.deleted).then_some(file.size))
        .with_some("deleted", file.deleted.then_some(true))
}
