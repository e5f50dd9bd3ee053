//! Objects under names that are no keys of files, such as the other parts of a backup.

use async_trait::async_trait;
use less_sync_storage::{BlobError, BlobReader, BlobWriter, Blobs, ObjectName};

/// Object store that also writes and reads objects whose names are no keys. Names are paths with `/` between their parts,
/// of which none leads out of the store.
#[async_trait]
pub trait NamedObjects: Blobs {
    /// Begins an object of `size` bytes, as [`Blobs::create`] does. One that has the name already is replaced when the
    /// writer finishes.
    ///
    /// # Errors
    /// As [`Blobs::create`]; [`BlobError::Failed`] for a name that leads out of the store.
    async fn create_named(&self, name: &ObjectName, size: u64) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Opens an object.
    ///
    /// # Errors
    /// As [`Blobs::open`]; [`BlobError::Failed`] for a name that leads out of the store.
    async fn open_named(&self, name: &ObjectName) -> Result<BlobReader, BlobError>;
}
