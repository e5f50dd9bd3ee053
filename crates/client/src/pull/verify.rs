//! The counts of a pull: what came must be what was announced (protocol §5.4).

use std::collections::HashSet;

use less_sync_core::{Cursor, SpaceId};

use super::PullItem;
use crate::error::PullError;

/// Follows the chunks of one pull. Cursors come in pairs: where the reader stood, and where it will stand.
#[derive(Debug, Default)]
pub(super) struct Verifier {
    chunks: u64,
    open: Option<Open>,
    begun: HashSet<SpaceId>,
    committed: HashSet<SpaceId>,
}

#[derive(Debug)]
struct Open {
    space: SpaceId,
    cursors: [Cursor; 2],
    rows: u64,
}

impl Verifier {
    /// A chunk came; `item` is `None` when its name is unknown, which counts as a chunk and as no row.
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

    /// The answer came and counts `announced` chunks.
    pub(super) fn end(&self, announced: u64) -> Result<(), PullError> {
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
