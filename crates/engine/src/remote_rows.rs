//! Ports to the rows of a space that another server holds: pulls and listings of keys (federation §12.4).

use async_trait::async_trait;
use less_sync_core::{Cursor, DekKind, SpaceId};
use less_sync_storage::{PullPosition, PullRequest, PullState, Row, StoredDek};

use crate::HomeError;

/// Pull of one space at its home server.
#[derive(Clone)]
pub struct RemotePull {
    /// The space.
    pub space: SpaceId,
    /// Lower bound, and policy for one beyond the cursor of the space.
    pub request: PullRequest,
    /// Chain of the member.
    pub ucan: Box<str>,
}

/// Listing of the keys of one space at its home server.
#[derive(Clone)]
pub struct RemoteDekListing {
    /// The space.
    pub space: SpaceId,
    /// Kind of the keys.
    pub kind: DekKind,
    /// Lower bound of the cursors, exclusive.
    pub since: Cursor,
    /// Chain of the member.
    pub ucan: Box<str>,
}

impl std::fmt::Debug for RemotePull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemotePull")
            .field("space", &self.space)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RemoteDekListing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteDekListing")
            .field("space", &self.space)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Rows of a pull that has begun at the home server of its space.
#[async_trait]
pub trait RemoteRows: Send + Sync {
    /// State of the space when the pull began.
    fn state(&self) -> PullState;

    /// The next rows, at least one; `None` once the home server has completed the pull. The rows before them count as delivered.
    ///
    /// # Errors
    /// [`HomeError`]; the pull has ended, and is incomplete.
    async fn next(&mut self) -> Result<Option<Vec<Row>>, HomeError>;

    /// Releases what was received: of the last rows, those up to `last` were delivered, and the others are read from the home
    /// server again.
    fn put_back(&mut self, last: Option<PullPosition>);
}

/// Rows of a listing of keys at the home server of its space.
#[async_trait]
pub trait RemoteDeks: Send + Sync {
    /// The next rows, at least one; `None` once the home server has completed the listing.
    ///
    /// # Errors
    /// [`HomeError`]; the listing has ended, and is incomplete.
    async fn next(&mut self) -> Result<Option<Vec<StoredDek>>, HomeError>;
}
