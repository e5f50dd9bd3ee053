//! Listing of the spaces of a server, for its operator (operations §9.1).

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::StorageError;

/// Maximum spaces of one page of a listing, inclusive.
pub const INVENTORY_PAGE: u32 = 1000;

/// Maximum spaces that are counted as having a pending rewrap, inclusive.
pub const PENDING_REWRAPS_BOUND: u32 = 100_000;

/// A space in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSpace {
    /// Id of the space.
    pub id: SpaceId,
    /// True for a shared space, false for a personal one.
    pub is_shared: bool,
    /// Cursor of the last mutation.
    pub cursor: Cursor,
    /// Stored bytes, as quotas count them (storage §3.20).
    pub stored_bytes: u64,
    /// Current key generation.
    pub key_generation: Epoch,
    /// Set while data keys still have to be rewrapped.
    pub rewrap_epoch: Option<Epoch>,
    /// Server that holds the space, when that is not this one.
    pub home_server: Option<String>,
}

/// Rows of a space, each kind counted up to a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Records, tombstones included.
    pub records: u32,
    /// Files, tombstones included.
    pub files: u32,
    /// Entries of the membership log.
    pub members: u32,
}

/// Spaces whose data keys still have to be rewrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingRewraps {
    /// Number of the spaces, counted up to [`PENDING_REWRAPS_BOUND`].
    pub spaces: u32,
    /// Time since the beginning of the oldest of these rewraps, on the clock of the database; `None` if none is pending.
    pub oldest: Option<Duration>,
}

/// Listing of all spaces.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Up to `limit` spaces with ids above `after`, in ascending order of ids: one read, bounded by [`INVENTORY_PAGE`]
    /// rows whatever `limit` is. An empty page is the end.
    async fn list_spaces(&self, after: Option<SpaceId>, limit: u32)
    -> Result<Vec<ListedSpace>, StorageError>;

    /// Rows of a space, each kind counted up to `bound`; zeros for a space that does not exist. One read of the entries of an
    /// index.
    async fn count_rows(&self, space: SpaceId, bound: u32) -> Result<RowCounts, StorageError>;

    /// Number of the spaces with a pending rewrap, and the age of the oldest one (storage §3.11). One read of at most
    /// [`PENDING_REWRAPS_BOUND`] entries of an index that holds no other spaces.
    async fn pending_rewraps(&self) -> Result<PendingRewraps, StorageError>;
}
