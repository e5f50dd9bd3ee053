//! Reading what changed, and believing it only when it is whole.

mod verify;

use std::collections::VecDeque;

use futures_util::Stream;
use less_sync_core::wire::pull as wire;
use less_sync_core::wire::{chunk as name, method};
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::connection::Connection;
use crate::error::{CallError, PullError};
use crate::rows::{FileRow, MembershipEntry, RecordRow};
use crate::stream::{Chunk, ChunkStream};
use verify::Verifier;

pub use less_sync_core::wire::pull::OnCursorAhead;

/// A space to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSpace {
    /// Which.
    pub space: SpaceId,
    /// Where the reader stands; rows after this come.
    pub since: Cursor,
    /// The right to read a shared space.
    pub ucan: Option<String>,
}

impl PullSpace {
    /// A space of one's own, from this cursor on.
    #[must_use]
    pub fn from(space: SpaceId, since: Cursor) -> Self {
        Self { space, since, ucan: None }
    }
}

/// A part of a pull, in the order of the wire: begin, rows, commit; then the next space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullItem {
    /// A space begins.
    Begin {
        /// Which.
        space: SpaceId,
        /// Where the reader stands; 0 after a rewind.
        prev: Cursor,
        /// Where it will stand after the commit.
        cursor: Cursor,
        /// Key generation of the space.
        key_generation: Epoch,
        /// Pending rewrap.
        rewrap_epoch: Option<Epoch>,
    },
    /// A record.
    Record(RecordRow),
    /// Entries of the membership log.
    Membership {
        /// Of the append.
        cursor: Cursor,
        /// One at a time.
        entries: Vec<MembershipEntry>,
    },
    /// A file.
    File {
        /// Of its last change.
        cursor: Cursor,
        /// Which and what.
        file: FileRow,
    },
    /// A space is whole; from now on the reader stands at `cursor`.
    Commit {
        /// Which.
        space: SpaceId,
        /// As in the begin.
        prev: Cursor,
        /// As in the begin.
        cursor: Cursor,
        /// Rows since the begin.
        rows: u64,
    },
}

/// How a pull went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullSummary {
    /// Chunks that came, as counted by both sides.
    pub chunks: u64,
    /// Spaces that the server passed over without a word: malformed, not allowed, gone or unreachable
    /// (protocol §4.4).
    pub skipped: Vec<SpaceId>,
}

/// Rows as they come, verified against the counts of the server.
///
/// Rows are handed out before their commit. Whoever keeps cursors must keep them at [`PullItem::Commit`] and
/// nowhere else; after an error nothing since the last commit may be believed.
#[derive(Debug)]
pub struct PullStream {
    chunks: ChunkStream,
    verifier: Verifier,
    requested: VecDeque<SpaceId>,
    is_over: bool,
}

impl Connection {
    /// Reads what changed in these spaces. A cursor beyond that of the space is answered with everything from
    /// 0 on, tombstones included.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn pull(&self, spaces: &[PullSpace]) -> Result<PullStream, CallError> {
        self.pull_with(spaces, None).await
    }

    /// As [`Connection::pull`], with a say in what happens when a cursor is ahead.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn pull_with(
        &self,
        spaces: &[PullSpace],
        on_cursor_ahead: Option<OnCursorAhead>,
    ) -> Result<PullStream, CallError> {
        let ids: Vec<String> = spaces.iter().map(|entry| entry.space.to_string()).collect();
        let entries = spaces.iter().zip(&ids).map(|(entry, id)| wire::PullEntry {
            id,
            since: entry.since.get(),
            ucan: entry.ucan.as_deref(),
            token: None,
            home_server: None,
        });
        let params = wire::PullParams { spaces: entries.collect(), on_cursor_ahead };
        Ok(PullStream {
            chunks: self.stream(method::PULL, &params).await?,
            verifier: Verifier::default(),
            requested: spaces.iter().map(|entry| entry.space).collect(),
            is_over: false,
        })
    }
}

impl PullStream {
    /// The next part; `None` once the pull is over and everything was verified. Nothing follows an error. Safe to
    /// cancel.
    pub async fn next(&mut self) -> Option<Result<PullItem, PullError>> {
        while !self.is_over {
            let Some(chunk) = self.chunks.next().await else {
                self.is_over = true;
                return self.verify_end().err().map(Err);
            };
            match self.take(&chunk) {
                Ok(None) => {}
                Ok(Some(item)) => return Some(Ok(item)),
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// The same as a [`Stream`].
    pub fn into_stream(self) -> impl Stream<Item = Result<PullItem, PullError>> + Send {
        futures_util::stream::unfold(self, |mut pull| async move {
            let item = pull.next().await?;
            Some((item, pull))
        })
    }

    /// Reads the rest, to see that it is whole, and says how it went.
    ///
    /// # Errors
    /// See [`PullError`].
    pub async fn finish(mut self) -> Result<PullSummary, PullError> {
        while let Some(item) = self.next().await {
            item?;
        }
        // A stream that ended in an error has said so once already.
        self.verify_end()?;
        let skipped = self.requested.iter().filter(|space| !self.verifier.has_committed(space));
        Ok(PullSummary { chunks: self.verifier.chunks(), skipped: skipped.copied().collect() })
    }

    fn verify_end(&self) -> Result<(), PullError> {
        match self.chunks.answer() {
            Some(Ok(answer)) => self.verifier.end(answer.decode::<wire::ChunkCount>()?.chunks),
            Some(Err(error)) => Err(error.clone().into()),
            None => Err(PullError::NoCommit),
        }
    }

    fn take(&mut self, chunk: &Chunk) -> Result<Option<PullItem>, PullError> {
        let item = decode(chunk)?;
        self.verifier.chunk(chunk.name(), item.as_ref().map(|(space, item)| (*space, item)))?;
        Ok(item.map(|(_, item)| item))
    }
}

/// The space and the item of a chunk; `None` for names that this client does not know.
fn decode(chunk: &Chunk) -> Result<Option<(SpaceId, PullItem)>, PullError> {
    let undecodable = || PullError::Undecodable(chunk.name().to_owned());
    let (space, item) = match chunk.name() {
        name::PULL_BEGIN => {
            let begin: wire::PullBegin<'_> = chunk.decode().map_err(|_| undecodable())?;
            let space = begin.space.parse().map_err(|_| undecodable())?;
            let (prev, cursor) = (begin.prev, begin.cursor);
            let (key_generation, rewrap_epoch) = (begin.key_generation, begin.rewrap_epoch);
            (begin.space, PullItem::Begin { space, prev, cursor, key_generation, rewrap_epoch })
        }
        name::PULL_RECORD => {
            let record: wire::PullRecord<'_> = chunk.decode().map_err(|_| undecodable())?;
            let row = RecordRow::pulled(&record, &|part: &[u8]| chunk.slice(part));
            (record.space, PullItem::Record(row))
        }
        name::PULL_MEMBERSHIP => {
            let grown: wire::PullMembership<'_> = chunk.decode().map_err(|_| undecodable())?;
            let slicer = |part: &[u8]| chunk.slice(part);
            let entries = grown.entries.iter().map(|entry| MembershipEntry::of(entry, &slicer)).collect();
            (grown.space, PullItem::Membership { cursor: grown.cursor, entries })
        }
        name::PULL_FILE => {
            let file: wire::PullFile<'_> = chunk.decode().map_err(|_| undecodable())?;
            let row = FileRow::pulled(&file, &|part: &[u8]| chunk.slice(part));
            (file.space, PullItem::File { cursor: file.cursor, file: row })
        }
        name::PULL_COMMIT => {
            let commit: wire::PullCommit<'_> = chunk.decode().map_err(|_| undecodable())?;
            let space = commit.space.parse().map_err(|_| undecodable())?;
            let (prev, cursor, rows) = (commit.prev, commit.cursor, commit.count);
            (commit.space, PullItem::Commit { space, prev, cursor, rows })
        }
        _ => return Ok(None),
    };
    Ok(Some((space.parse().map_err(|_| undecodable())?, item)))
}
