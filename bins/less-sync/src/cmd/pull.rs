//! `less-sync pull`

mod directory;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use less_sync_client::{FileRow, MembershipEntry, PullItem, RecordRow};
use less_sync_core::Cursor;

use crate::advised::no_access;
use crate::content;
use crate::cursor;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, counter, has_reader, message, write_bare};
use crate::people::{Change, People, Prefix};
use crate::target::{SpaceArgument, SpaceConnection, Target};
use directory::Directory;

#[derive(Debug, Args)]
#[command(
    after_help = "Records are decrypted with the keys of the key directory, and shown with the size of their ciphertext; --json has whole ids, and content that is no text as base64. Records that cannot be decrypted are reported on standard error, and the exit code is 3. The last line has the cursor of the space: pass it to --since to read later changes."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    space: SpaceArgument,
    /// Read changes after this cursor
    #[arg(long, value_name = "CURSOR", default_value = "0", value_parser = cursor::parse)]
    since: Cursor,
    /// Write each record to a file named by its id in this directory, and remove files of deleted records
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show records as they are stored, without decryption, for tests
    #[arg(long)]
    plain: bool,
}

/// Pulls one space; fails if the pull is incomplete.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let opened = if arguments.plain {
        target.open_plain(&arguments.space).await?
    } else {
        target.open(&arguments.space).await?
    };
    let unreadable = pull(&opened, arguments, Output::new(json)).await;
    opened.connection.close().await;
    match unreadable? {
        0 => Ok(()),
        1 => Err(Failure::found(anyhow!("1 record cannot be decrypted"))),
        several => Err(Failure::found(anyhow!("{several} records cannot be decrypted"))),
    }
}

/// Prints all rows; returns the number of records that could not be decrypted.
async fn pull(opened: &SpaceConnection, arguments: &Arguments, output: Output) -> anyhow::Result<u64> {
    let directory = arguments.out.as_deref().map(Directory::open).transpose()?;
    let people = People::of_stdout(std::iter::empty());
    let mut rows = Rows { directory, output, people, bar: counter("rows"), opened, unreadable: 0 };
    let space = opened.pull_space(arguments.since);
    let mut pull = opened.connection.pull(&[space]).await.context("cannot pull")?;
    while let Some(item) = pull.next().await {
        rows.take(item.context("the pull failed; the output is incomplete")?)?;
        if rows.directory.is_none() && !has_reader() {
            return Ok(rows.unreadable);
        }
    }
    let summary = pull.finish().await.context("the pull failed; the output is incomplete")?;
    rows.bar.finish_and_clear();
    if summary.skipped.is_empty() { Ok(rows.unreadable) } else { Err(no_access()) }
}

/// Output of rows: standard output or a directory.
struct Rows<'a> {
    directory: Option<Directory>,
    output: Output,
    people: People,
    bar: ProgressBar,
    opened: &'a SpaceConnection,
    unreadable: u64,
}

impl Rows<'_> {
    fn take(&mut self, item: PullItem) -> anyhow::Result<()> {
        match item {
            PullItem::Begin { .. } => Ok(()),
            PullItem::Record(row) => {
                let sealed = row.blob.as_ref().map(bytes::Bytes::len).filter(|_| !self.opened.is_plain);
                let Some(row) = self.decrypted(&row) else { return Ok(()) };
                let line = self.record(&row)?;
                self.write(&line, &Change::record(&row, sealed))
            }
            PullItem::Membership { cursor, entries } => entries.iter().try_for_each(|entry| {
                self.write(&membership(cursor, entry), &Change::membership(cursor, 1, entry.payload.len()))
            }),
            PullItem::File { cursor, file } => {
                self.write(&file_line(cursor, &file), &Change::file(cursor, &file))
            }
            PullItem::Commit { space, prev, cursor, rows } => {
                if !self.has_fields() {
                    let (name, cursor) = (self.opened.keys.name(), cursor.get());
                    return self.write_text(&format!("{name} is at #{cursor}: {}", counted(rows)));
                }
                let line = Fields::new()
                    .with("kind", "commit")
                    .with("space", space.to_string())
                    .with("since", prev.get())
                    .with("cursor", cursor.get())
                    .with("rows", rows);
                self.write_fields(&line)
            }
        }
    }

    /// Record with decrypted content; `None` after reporting one that cannot be decrypted.
    fn decrypted(&mut self, row: &RecordRow) -> Option<RecordRow> {
        let opened = self.opened.read(row);
        if let Err(why) = &opened {
            self.unreadable += 1;
            message(&format!("record {} at {} cannot be decrypted: {why}", row.id, row.cursor));
        }
        opened.ok()
    }

    fn record(&self, row: &RecordRow) -> anyhow::Result<Fields> {
        let line = Fields::new()
            .with("kind", "record")
            .with("record", row.id.to_string())
            .with("cursor", row.cursor.get())
            .with_some("size", row.blob.as_ref().map(bytes::Bytes::len))
            .with_some("deleted", row.is_deleted().then_some(true));
        let Some(directory) = &self.directory else {
            return Ok(content::add(line, row, self.output));
        };
        let path = directory.write(row)?;
        Ok(line.with_some("path", path.map(|path| path.display().to_string())))
    }

    fn write(&self, line: &Fields, change: &Change) -> anyhow::Result<()> {
        if self.has_fields() {
            return self.write_fields(line);
        }
        self.write_text(&self.people.line(Prefix::default(), change))
    }

    /// Returns whether lines are for programs: JSON, and the paths of written files.
    fn has_fields(&self) -> bool {
        self.output.is_json() || self.directory.is_some()
    }

    fn write_fields(&self, line: &Fields) -> anyhow::Result<()> {
        self.bar.inc(1);
        self.output.write(line).context("cannot write the result")
    }

    fn write_text(&self, text: &str) -> anyhow::Result<()> {
        self.bar.inc(1);
        write_bare(text).context("cannot write the result")
    }
}

fn counted(rows: u64) -> String {
    match rows {
        0 => "no changes".to_owned(),
        1 => "1 change".to_owned(),
        several => format!("{several} changes"),
    }
}

fn membership(cursor: Cursor, entry: &MembershipEntry) -> Fields {
    Fields::new()
        .with("kind", "membership")
        .with("chain_seq", entry.chain_seq.get())
        .with("cursor", cursor.get())
        .with("size", entry.payload.len())
}

fn file_line(cursor: Cursor, file: &FileRow) -> Fields {
    Fields::new()
        .with("kind", "file")
        .with("file", file.id.to_string())
        .with("record", file.record_id.to_string())
        .with("cursor", cursor.get())
        .with_some("size", (!file.deleted).then_some(file.size))
        .with_some("deleted", file.deleted.then_some(true))
}
