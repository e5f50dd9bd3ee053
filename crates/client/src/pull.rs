//! Pulls: changes of spaces as a verified stream of rows.

mod item;
mod verify;

use std::collections::VecDeque;

use futures_util::Stream;
use less_sync_core::wire::pull as wire;
use less_sync_core::wire::{chunk as name, method};
use less_sync_core::{Cursor, SpaceId};

use crate::access::Access;
use crate::connection::Connection;
use crate::error::{CallError, PullError};
use crate::rows::{FileRow, MembershipEntry, RecordRow};
use crate::stream::{Chunk, ChunkStream};
use verify::Verifier;

pub use item::{PullItem, PullSpace, PullSummary};
pub use less_sync_core::wire::pull::OnCursorAhead;

/// Stream of a pull, verified against the counts of the server.
///
/// Rows are yielded before their commit. Store a cursor at [`PullItem::Commit`] only: after an error, rows since the last
/// commit may be incomplete, and their cursor would skip the missing ones.
#[derive(Debug)]
pub struct PullStream {
    chunks: ChunkStream,
    verifier: Verifier,
    requested: VecDeque<SpaceId>,
    is_over: bool,
}

impl Connection {
    /// Pulls the changes of these spaces. A cursor ahead of its space rewinds to 0, with tombstones.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn pull(&self, spaces: &[PullSpace]) -> Result<PullStream, CallError> {
        self.pull_with(spaces, None).await
    }

    /// Pulls whole spaces, tombstones included; a pull from cursor 0 leaves them out.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn pull_whole(&self, spaces: &[Access<'_>]) -> Result<PullStream, CallError> {
        // No space reaches the maximum: the cursor is ahead of it, and `rewind` requests the stream from the start
        // (protocol §4.4).
        let whole = |access: &Access<'_>| PullSpace {
            ucan: access.ucan.map(str::to_owned),
            ..PullSpace::from(access.space, Cursor::MAX)
        };
        let spaces: Vec<PullSpace> = spaces.iter().map(whole).collect();
        self.pull_with(&spaces, Some(OnCursorAhead::Rewind)).await
    }

    /// As [`Connection::pull`], with the behaviour for a cursor ahead of its space.
    ///
    /// # Errors
    /// The connection has ended.
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
    /// Next item; `None` after the last one, when all counts are verified, and after an error. Cancel-safe.
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

    /// Converts into a [`Stream`] of the same items.
    pub fn into_stream(self) -> impl Stream<Item = Result<PullItem, PullError>> + Send {
        futures_util::stream::unfold(self, |mut pull| async move {
            let item = pull.next().await?;
            Some((item, pull))
        })
    }

    /// Reads and verifies the rest of the pull.
    ///
    /// # Errors
    /// See [`PullError`].
    pub async fn finish(mut self) -> Result<PullSummary, PullError> {
        while let Some(item) = self.next().await {
            item?;
        }
        // Verifies again: the error of an earlier `next` was yielded once and is not in this loop.
        self.verify_end()?;
        let skipped = self.requested.iter().filter(|space| !self.verifier.has_committed(space));
        Ok(PullSummary { chunks: self.verifier.chunks(), skipped: skipped.copied().collect() })
    }

    fn verify_end(&self) -> Result<(), PullError> {
        match self.chunks.response() {
            Some(Ok(response)) => self.verifier.end(response.decode::<wire::ChunkCount>()?.chunks),
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

/// Space and item of a chunk; `None` for an unknown chunk name.
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
            let appended: wire::PullMembership<'_> = chunk.decode().map_err(|_| undecodable())?;
            let slicer = |part: &[u8]| chunk.slice(part);
            let entries = appended.entries.iter().map(|entry| MembershipEntry::of(entry, &slicer)).collect();
            (appended.space, PullItem::Membership { cursor: appended.cursor, entries })
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
