//! Backend under test: the operations that the suite needs from an adapter beside the contract.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{Cursor, Epoch, FileId, SpaceId};

use less_sync_storage::{Quotas, Storage};

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
        Self { rows: 512, bytes: 256 * 1024 }
    }
}

/// A state that no operation of the contract leads to yet, put into the database behind the adapter's back.
#[derive(Clone, Debug)]
pub enum Arrangement {
    /// The space is homed on another server.
    HomeServer(String),
    /// The epochs of the space.
    Epochs {
        /// Key generation of the space.
        key_generation: Epoch,
        /// The oldest one a push may use.
        minimum: Epoch,
        /// True: a rewrap to `key_generation` is pending.
        rewrap_pending: bool,
    },
    /// The object of a live file has this name, and its hash is not known; without a name, as the original left it: under the
    /// one that its ids give.
    Object {
        /// The file.
        file: FileId,
        /// The name.
        key: Option<String>,
    },
    /// Moves the cursor of the space, and of the rows that carry it, as after a restore (operations §12).
    Cursor(Cursor),
}

/// Database of the adapter under test, separate from all others.
pub trait Backend: Sized + Send + Sync + 'static {
    /// Adapter under test.
    type Store: Storage + 'static;

    /// Divisor of the number of random histories, for adapters on which one takes long.
    const HISTORIES_DIVISOR: u32 = 1;

    /// A new and empty database.
    fn create() -> impl Future<Output = Self> + Send;

    /// Opens the database; called again after [`Backend::close`], with other limits perhaps.
    fn open(&self, pages: PageLimits, quotas: Quotas) -> impl Future<Output = Arc<Self::Store>> + Send;

    /// Closes what was opened, in an orderly way.
    fn close(&self, store: Arc<Self::Store>) -> impl Future<Output = ()> + Send;

    /// Changes the row of a space; called while the database is open and idle.
    fn arrange(&self, space: SpaceId, arrangement: Arrangement) -> impl Future<Output = ()> + Send;

    /// Looks at the tables themselves and names every row that breaks an invariant (storage §5: P3, P6 to
    /// P8, P13, P14, P25, and of P21 what the tables can show). Called at the end of every test, while the database is open and
    /// idle.
    fn violations(&self) -> impl Future<Output = Vec<String>> + Send;

    /// Makes everything that ages older: invitations, counted actions, pending rewraps, and what waits in the queue of objects.
    fn let_time_pass(&self, by: Duration) -> impl Future<Output = ()> + Send;

    /// The objects that are to be removed, now or later, ascending by file: whose they were, and their keys.
    fn pending_deletions(&self, space: SpaceId) -> impl Future<Output = Vec<(FileId, String)>> + Send;
}
