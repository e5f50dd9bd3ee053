//! Verification of a pull: structure, and counts of rows and chunks (protocol §5.4).

use std::collections::HashSet;

use less_sync_core::{Cursor, SpaceId};

use super::item::PullItem;
use crate::error::PullError;

/// State of the verification of one pull. Cursor pairs are the reader's cursor before and after the commit.
#[derive(Debug, Default)]
pub(super) struct Verifier {
    chunks: u64,
    open: Option<Open>,
    begun: HashSet<SpaceId>,
    committed: HashSet<SpaceId>,
}

/// Space between its begin and its commit.
#[derive(Debug)]
struct Open {
    space: SpaceId,
    cursors: [Cursor; 2],
    rows: u64,
}

impl Verifier {
    /// Verifies the next chunk. `item` is `None` for an unknown name, which counts as a chunk but not as a row, so that
    /// servers can add chunk types.
    pub(super) fn chunk(&mut self, name: &str, item: Option<(SpaceId, &PullItem)>) -> Result<(), PullError> {
        self.chunks += 1;
        match item {
            None => Ok(()),
            Some((space, PullItem::Begin { prev, cursor, .. })) => self.begin(name, space, [*prev, *cursor]),
            Some((space, PullItem::Commit { prev, cursor, rows, .. })) => {
                self.commit(name, space, [*prev, *cursor], *rows)
            }
            Some((space, PullItem::Record(_) | PullItem::Membership { .. } | PullItem::File { .. })) => {
                self.open(name, space)?.rows += 1;
                Ok(())
            }
        }
    }

    /// Verifies the end of the pull, whose response announces `announced` chunks.
    pub(super) fn end(&self, announced: u64) -> Result<(), PullError> {
        // A response after a begin without its commit means that rows are missing, whatever the count says.
        if self.open.is_some() {
            return Err(PullError::NoCommit);
        }
        if announced != self.chunks {
            return Err(PullError::ChunkCount { received: self.chunks, announced });
        }
        Ok(())
    }

    pub(super) fn has_committed(&self, space: &SpaceId) -> bool {
        self.committed.contains(space)
    }

    pub(super) fn chunks(&self) -> u64 {
        self.chunks
    }

    fn begin(&mut self, name: &str, space: SpaceId, cursors: [Cursor; 2]) -> Result<(), PullError> {
        if self.open.is_some() {
            return Err(PullError::OutOfPlace(name.to_owned()));
        }
        if !self.begun.insert(space) {
            return Err(PullError::BegunTwice);
        }
        self.open = Some(Open { space, cursors, rows: 0 });
        Ok(())
    }

    fn commit(
        &mut self,
        name: &str,
        space: SpaceId,
        cursors: [Cursor; 2],
        announced: u64,
    ) -> Result<(), PullError> {
        let open = self.open(name, space)?;
        // A server that changes the upper cursor between begin and commit could skip rows in between.
        if open.cursors != cursors {
            return Err(PullError::OtherCommit);
        }
        if open.rows != announced {
            return Err(PullError::RowCount { received: open.rows, announced });
        }
        self.open = None;
        self.committed.insert(space);
        Ok(())
    }

    fn open(&mut self, name: &str, space: SpaceId) -> Result<&mut Open, PullError> {
        match &mut self.open {
            Some(open) if open.space == space => Ok(open),
            Some(_) | None => Err(PullError::OutOfPlace(name.to_owned())),
        }
    }
}
