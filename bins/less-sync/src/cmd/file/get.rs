//! `less-sync file get`

mod destination;
mod part;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use less_sync_client::crypto::{FILE_SEGMENT, FileOpener, Unreadable, sealed_size, segment_offset};
use less_sync_client::{Download, FileDescription, FileError};
use less_sync_core::Epoch;

use super::catalog::{self, Entry, Owner, State};
use super::place::Place;
use super::rejection;
use super::retry::Attempts;
use crate::line::Line;
use crate::output::{Output, transfer};
use crate::report::{Failure, say};
use crate::target::{SpaceArgument, Target};
use destination::Destination;
use part::Part;

#[derive(Debug, Args)]
#[command(
    after_help = "What has come is kept beside its destination as NAME.part; an interrupted download goes on from there. A file that is there already is replaced only when -o names it. Content that was tampered with is never shown as the file, and the exit code is 3."
)]
pub(crate) struct Arguments {
    /// Id or name of the file
    #[arg(value_name = "ID|NAME")]
    file: String,
    /// Where to write it, or into which directory [default: its name]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Downloads, decrypts and verifies a file.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut place = Place::open(target, &arguments.space).await?;
    let line = get(&mut place, arguments).await;
    let line = place.close(line).await?;
    Ok(Output::new(json).write(&line).context("cannot write the result")?)
}

async fn get(place: &mut Place<'_>, arguments: &Arguments) -> Result<Line, Failure> {
    let entries = catalog::read(place).await?;
    let entry = catalog::find(&entries, &arguments.file)?;
    let description = wanted(entry)?;
    let destination = Destination::choose(arguments.output.as_deref(), description)?;
    let mut fetch = Fetch {
        description,
        part: Part::open(destination.path())?,
        bar: transfer(&entry.name(), description.size),
        resumed: None,
    };
    let outcome = fetch.run(place).await;
    fetch.bar.finish_and_clear();
    if let Err(failure) = outcome {
        return Err(fetch.give_up(failure));
    }
    let line = Line::new()
        .with("file", description.file.to_string())
        .with("name", description.name.as_str())
        .with("size", description.size)
        .with_some("resumed_from", fetch.resumed)
        .with("path", destination.path().display().to_string());
    destination.take(fetch.part)?;
    Ok(line)
}

/// What the record says, of a file that can be had.
fn wanted(entry: &Entry) -> Result<&FileDescription, Failure> {
    let name = entry.name();
    let description = match &entry.owner {
        Owner::Described { description, .. } => description,
        Owner::Foreign(_) => {
            return Err(anyhow!("{name} belongs to another app, which knows what it is").into());
        }
        Owner::Unreadable(_, why) => {
            return Err(Failure::found(anyhow::Error::new(*why).context(format!("{name} cannot be read"))));
        }
    };
    match entry.state {
        State::Stored(bytes) if bytes == sealed_size(description.size) => Ok(description),
        State::Stored(_) => Err(Failure::found(anyhow!("{name} is not what its record says"))),
        State::Missing => Err(anyhow!("{name} is not uploaded yet, or its upload has failed").into()),
        State::Deleted => Err(anyhow!("{name} was deleted").into()),
    }
}

/// A download that is under way.
struct Fetch<'e> {
    description: &'e FileDescription,
    part: Part,
    bar: ProgressBar,
    /// Bytes of content that were there already when the last attempt began.
    resumed: Option<u64>,
}

/// Why an attempt has not brought the whole file.
enum Interrupted {
    /// The connection, or the server.
    By(FileError),
    /// The key is not one of ours.
    NoKey(Epoch),
    /// For good.
    ForGood(Failure),
}

impl From<FileError> for Interrupted {
    fn from(error: FileError) -> Self {
        Self::By(error)
    }
}

impl From<anyhow::Error> for Interrupted {
    fn from(error: anyhow::Error) -> Self {
        Self::ForGood(error.into())
    }
}

impl From<Unreadable> for Interrupted {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::NoKey(epoch) => Self::NoKey(epoch),
            Unreadable::NotEncrypted | Unreadable::Damaged => {
                Self::ForGood(Failure::found(anyhow::Error::new(why).context("the file cannot be decrypted")))
            }
        }
    }
}

impl Fetch<'_> {
    /// Tries until the part is the whole file.
    async fn run(&mut self, place: &mut Place<'_>) -> Result<(), Failure> {
        let mut attempts = Attempts::default();
        let mut asked_for = None;
        loop {
            let before = self.part.size();
            match self.attempt(place).await {
                Ok(()) if self.is_whole() => return Ok(()),
                Ok(()) if self.resumed.is_some() => {
                    say("what was left of an earlier download is not of this file; beginning anew");
                    self.part.restart()?;
                }
                Ok(()) => return Err(Failure::found(anyhow!("the content is not what its record says"))),
                Err(Interrupted::NoKey(epoch)) if asked_for != Some(epoch) => {
                    asked_for = Some(epoch);
                    place.learn(epoch).await?;
                }
                Err(Interrupted::NoKey(epoch)) => {
                    let why = anyhow::Error::new(Unreadable::NoKey(epoch));
                    return Err(Failure::found(why.context("the file cannot be decrypted")));
                }
                Err(Interrupted::By(error)) => {
                    if self.part.size() > before {
                        attempts.moved();
                    }
                    attempts.again(error).await.map_err(|error| rejection::of_file(place, error))?;
                }
                Err(Interrupted::ForGood(failure)) => return Err(failure),
            }
        }
    }

    /// Goes on behind what is there, to the end of the file.
    async fn attempt(&mut self, place: &Place<'_>) -> Result<(), Interrupted> {
        // The last segment is fetched in any case, for it says that it is the last.
        let last = self.description.size.saturating_sub(1) / FILE_SEGMENT as u64;
        let number = self.part.keep_segments(last)?;
        let token = place.token().await?;
        let mut download = place.file(&token, self.description.file).get(segment_offset(number)).await?;
        if download.head().size != sealed_size(self.description.size) {
            return Err(Unreadable::Damaged.into());
        }
        let number = if download.from() == 0 { 0 } else { number };
        if number == 0 {
            self.part.restart()?;
        }
        let dek = download.head().dek;
        let opener = place.keys().open_file(self.description.file, &dek, number)?;
        self.resumed = Some(self.part.size()).filter(|size| *size > 0);
        self.bar.set_position(self.part.size());
        self.take(&mut download, opener).await
    }

    async fn take(&mut self, download: &mut Download, mut opener: FileOpener) -> Result<(), Interrupted> {
        let mut content = Vec::new();
        while let Some(bytes) = download.next().await? {
            opener.update(&bytes, &mut content)?;
            self.keep(&mut content)?;
        }
        opener.finish(&mut content)?;
        self.keep(&mut content)
    }

    fn keep(&mut self, content: &mut Vec<u8>) -> Result<(), Interrupted> {
        self.part.append(content)?;
        self.bar.set_position(self.part.size());
        content.clear();
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.part.size() == self.description.size && self.part.sha256() == self.description.sha256
    }

    /// Leaves what can be resumed, and nothing of what cannot be believed.
    fn give_up(self, failure: Failure) -> Failure {
        if failure.is_found() || self.part.size() == 0 {
            self.part.discard();
        }
        failure
    }
}
