//! `less-sync file get`

mod destination;
mod partial_file;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use less_sync_client::crypto::{DecryptionError, FILE_SEGMENT, FileOpener, sealed_size, segment_offset};
use less_sync_client::{Download, FileDescription, FileError};
use less_sync_core::Epoch;

use super::catalog::{self, Entry, FileState, Owner};
use super::rejections;
use super::retry::Retries;
use super::session::FileSession;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message, transfer};
use crate::target::{SpaceArgument, Target};
use destination::Destination;
use partial_file::PartialFile;

#[derive(Debug, Args)]
#[command(
    after_help = "A partial download is kept as NAME.part beside the destination, and resumed by the next one. An existing file is replaced only if -o names it. Content that fails authentication is never written to the destination, and the exit code is 3."
)]
pub(crate) struct Arguments {
    /// Id or name of the file
    #[arg(value_name = "ID|NAME")]
    file: String,
    /// Path of the file or its directory; - for standard output [default: its name in the current directory]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Downloads, decrypts and verifies a file.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut session = FileSession::open(target, &arguments.space).await?;
    let line = get(&mut session, arguments).await;
    match session.close(line).await? {
        Some(line) => Ok(Output::new(json).write(&line).context("cannot write the result")?),
        None => Ok(()),
    }
}

/// Downloads the file; returns the result, and `None` after the content itself was written to standard output.
async fn get(session: &mut FileSession<'_>, arguments: &Arguments) -> Result<Option<Fields>, Failure> {
    let entries = catalog::read(session).await?;
    let entry = catalog::find(&entries, &arguments.file)?;
    let description = available(entry)?;
    let destination = Destination::choose(arguments.output.as_deref(), description)?;
    let mut download = Transfer {
        description,
        partial: PartialFile::open(destination.path())?,
        bar: transfer(&entry.name(), description.size),
        resumed: None,
    };
    let outcome = download.run(session).await;
    download.bar.finish_and_clear();
    if let Err(failure) = outcome {
        return Err(download.abandon(failure));
    }
    let line = Fields::new()
        .with("file", description.file.to_string())
        .with("name", description.name.as_str())
        .with("size", description.size)
        .with_some("resumed_from", download.resumed)
        .with("path", destination.path().display().to_string());
    let is_shown = destination.is_standard_output();
    destination.complete(download.partial)?;
    Ok((!is_shown).then_some(line))
}

/// Description of a file that is stored and readable.
fn available(entry: &Entry) -> Result<&FileDescription, Failure> {
    let name = entry.name();
    let description = match &entry.owner {
        Owner::Described { description, .. } => description,
        Owner::Foreign(_) => {
            return Err(anyhow!("{name} belongs to a record of another app").into());
        }
        Owner::Undecryptable(_, why) => {
            return Err(Failure::found(
                anyhow::Error::new(*why).context(format!("cannot decrypt the description of {name}")),
            ));
        }
    };
    match entry.state {
        FileState::Stored(bytes) if bytes == sealed_size(description.size) => Ok(description),
        FileState::Stored(_) => Err(Failure::found(anyhow!("the size of {name} does not match its record"))),
        FileState::Missing => Err(anyhow!("{name} is not uploaded yet, or its upload failed").into()),
        FileState::Deleted => Err(anyhow!("{name} was deleted").into()),
    }
}

/// Download in progress.
struct Transfer<'e> {
    description: &'e FileDescription,
    partial: PartialFile,
    bar: ProgressBar,
    /// Bytes of content that the last attempt resumed from; `None` from the beginning.
    resumed: Option<u64>,
}

/// Failure of one attempt.
enum AttemptError {
    /// Failed request; may be transient.
    Request(FileError),
    /// Wrapped under an epoch whose key is not stored.
    NoKey(Epoch),
    /// Permanent failure.
    Permanent(Failure),
}

impl From<FileError> for AttemptError {
    fn from(error: FileError) -> Self {
        Self::Request(error)
    }
}

impl From<anyhow::Error> for AttemptError {
    fn from(error: anyhow::Error) -> Self {
        Self::Permanent(error.into())
    }
}

impl From<DecryptionError> for AttemptError {
    fn from(why: DecryptionError) -> Self {
        match why {
            DecryptionError::NoKey(epoch) => Self::NoKey(epoch),
            DecryptionError::NotEncrypted | DecryptionError::Damaged => {
                Self::Permanent(Failure::found(anyhow::Error::new(why).context("cannot decrypt the file")))
            }
        }
    }
}

impl Transfer<'_> {
    /// Downloads, with retries, until the partial file is complete and matches its description.
    async fn run(&mut self, session: &mut FileSession<'_>) -> Result<(), Failure> {
        let mut retries = Retries::default();
        let mut fetched = None;
        loop {
            let before = self.partial.size();
            match self.attempt(session).await {
                Ok(()) if self.is_whole() => return Ok(()),
                Ok(()) if self.resumed.is_some() => {
                    message("the partial file is not a prefix of this file; restarting the download");
                    self.partial.restart()?;
                }
                Ok(()) => return Err(Failure::found(anyhow!("the content does not match its record"))),
                Err(AttemptError::NoKey(epoch)) if fetched != Some(epoch) => {
                    fetched = Some(epoch);
                    session.fetch_key(epoch).await?;
                }
                Err(AttemptError::NoKey(epoch)) => {
                    let why = anyhow::Error::new(DecryptionError::NoKey(epoch));
                    return Err(Failure::found(why.context("cannot decrypt the file")));
                }
                Err(AttemptError::Request(error)) => {
                    if self.partial.size() > before {
                        retries.progressed();
                    }
                    retries
                        .retry_after(error)
                        .await
                        .map_err(|error| rejections::explain_file(session, error))?;
                }
                Err(AttemptError::Permanent(failure)) => return Err(failure),
            }
        }
    }

    /// Attempts the download once, from the end of the partial file.
    async fn attempt(&mut self, session: &FileSession<'_>) -> Result<(), AttemptError> {
        // The last segment is always fetched: only its nonce proves that the file ends there (no truncation).
        let last = self.description.size.saturating_sub(1) / FILE_SEGMENT as u64;
        let number = self.partial.truncate_to_segments(last)?;
        let token = session.token().await?;
        let mut download = session.file(&token, self.description.file).get(segment_offset(number)).await?;
        if download.head().size != sealed_size(self.description.size) {
            return Err(DecryptionError::Damaged.into());
        }
        // The server sends the whole file if it changed since (If-Range), so the download may start at 0.
        let number = if download.from() == 0 { 0 } else { number };
        if number == 0 {
            self.partial.restart()?;
        }
        let dek = download.head().dek;
        let opener = session.keys().open_file(self.description.file, &dek, number)?;
        self.resumed = Some(self.partial.size()).filter(|size| *size > 0);
        self.bar.set_position(self.partial.size());
        self.receive(&mut download, opener).await
    }

    async fn receive(&mut self, download: &mut Download, mut opener: FileOpener) -> Result<(), AttemptError> {
        let mut content = Vec::new();
        while let Some(bytes) = download.next().await? {
            opener.update(&bytes, &mut content)?;
            self.append(&mut content)?;
        }
        opener.finish(&mut content)?;
        self.append(&mut content)
    }

    fn append(&mut self, content: &mut Vec<u8>) -> Result<(), AttemptError> {
        self.partial.append(content)?;
        self.bar.set_position(self.partial.size());
        content.clear();
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.partial.size() == self.description.size && self.partial.sha256() == self.description.sha256
    }

    /// Keeps the partial file for a resumption, unless it is empty or failed authentication.
    fn abandon(self, failure: Failure) -> Failure {
        if failure.is_found() || self.partial.size() == 0 {
            self.partial.discard();
        }
        failure
    }
}
