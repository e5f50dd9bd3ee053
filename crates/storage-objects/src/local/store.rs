//! State shared by writers, readers and listings of a directory.

use std::sync::Arc;

use super::directories::Directories;
use less_sync_storage::Volume;

/// Directories of an open store, and the source of its free space.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) directories: Directories,
    pub(super) volume: Arc<dyn Volume>,
}
