//! What the suite needs from an adapter beside the contract.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{Cursor, Epoch, FileId, SpaceId};

use crate::{FileEntry, Storage};

/// Limits of a page of a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Rows, at least 1.
    pub rows: usize,
    /// Blob bytes, at least 1.
    pub bytes: usize,
}

impl Default for PageLimits {
    /// The limits of production (`PULL_PAGE_ROWS`, `PULL_PAGE_BYTES`).
    fn default() -> Self {
        Self { rows: 512, bytes: 4 * 1024 * 1024 }
    }
}

/// A state that no operation of the contract leads to yet, put into the database behind the adapter's back.
#[derive(Clone, Debug)]
pub enum Arrangement {
    /// The space is homed on another server.
    HomeServer(String),
    /// The epochs of the space.
    Epochs {
        /// Its key generation.
        key_generation: Epoch,
        /// The oldest one a push may use.
        minimum: Epoch,
        /// Whether a rewrap to `key_generation` is pending.
        rewrap_pending: bool,
    },
    /// Moves the cursor of the space, and of the rows that carry it, as after a restore (operations §12).
    Cursor(Cursor),
}

/// One database of the adapter under test, separate from all others.
pub trait Backend: Sized + Send + Sync + 'static {
    /// What is tested.
    type Store: Storage + 'static;

    /// A new and empty database.
    fn create() -> impl Future<Output = Self> + Send;

    /// Opens the database; called again after [`Backend::close`], with other limits perhaps.
    fn open(&self, pages: PageLimits) -> impl Future<Output = Arc<Self::Store>> + Send;

    /// Closes what was opened, in an orderly way.
    fn close(&self, store: Arc<Self::Store>) -> impl Future<Output = ()> + Send;

    /// Changes the row of a space; called while the database is open and idle.
    fn arrange(&self, space: SpaceId, arrangement: Arrangement) -> impl Future<Output = ()> + Send;

    /// Looks at the tables themselves and names every row that breaks an invariant (storage §5: P3, P6 to
    /// P8, P13, P14). Called
    /// at the end of every test, while the database is open and idle.
    fn violations(&self) -> impl Future<Output = Vec<String>> + Send;

    /// Makes everything that ages older: invitations and counted actions.
    fn let_time_pass(&self, by: Duration) -> impl Future<Output = ()> + Send;

    /// Adds a live file of a live record under the next cursor of the space, which `file` carries, as an upload that has
    /// ended does. `object_key`: where its object is, when not under the key that its ids give.
    fn put_file(
        &self,
        space: SpaceId,
        file: FileEntry,
        object_key: Option<String>,
    ) -> impl Future<Output = ()> + Send;

    /// The objects that are to be removed, ascending by file: whose they were, and their keys.
    fn doomed(&self, space: SpaceId) -> impl Future<Output = Vec<(FileId, String)>> + Send;
}
