//! Object store: the bytes of files (storage §4).

use std::error::Error;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::{ObjectKey, ObjectName};

/// Failure of the object store. Sources are for operators.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No such object.
    #[error("object not found")]
    NotFound,
    /// No space left, or less than the reserve (storage §4.8).
    #[error("object store is full")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// Store unreachable, overloaded or timed out; a retry may help.
    #[error("object store unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Anything unexpected.
    #[error("object store operation failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl BlobError {
    /// Returns true if only writes are affected: the objects of a full store can be read and deleted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

/// An object that is being read.
pub struct BlobReader {
    /// Size of the whole object, in bytes, also for a read of a part.
    pub size: u64,
    /// Requested bytes in pieces of at most 256 KiB, with one piece of read-ahead. A stream that ends without an error is
    /// complete.
    pub bytes: BoxStream<'static, Result<Bytes, BlobError>>,
}

/// An object in a listing, or the remains of an unfinished upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBlob {
    /// Name in the store, with the mark of an unfinished upload if there is one.
    pub name: ObjectName,
    /// Key of the object, or of the object that the upload was for; `None` if the name is not a key of this server.
    pub key: Option<ObjectKey>,
    /// True for the remains of an interrupted upload, which are no object.
    pub unfinished: bool,
    /// Size in bytes.
    pub size: u64,
    /// Time since the last write.
    pub age: Duration,
}

/// An object that is being written.
///
/// The object becomes readable when [`BlobWriter::finish`] has completed. A writer, or one of its futures, that is dropped
/// before leaves nothing behind but what [`Blobs::delete`] of the same key removes. Holds at most 15 MiB at a time
/// (storage §4.4).
#[async_trait]
pub trait BlobWriter: Send {
    /// Adds bytes. May return before they are stored; waits when too many are on their way.
    ///
    /// # Errors
    /// [`BlobError::Failed`] for more bytes than were announced; the others as they happen. After an error only
    /// [`BlobWriter::abort`] is valid.
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError>;

    /// Makes everything that was written one object, durable when this returns.
    ///
    /// # Errors
    /// [`BlobError::Failed`] for fewer bytes than were announced: there is no object then. After any other error it is
    /// unknown whether there is one.
    async fn finish(self: Box<Self>) -> Result<(), BlobError>;

    /// Aborts the upload and removes its stored bytes on a best-effort basis.
    async fn abort(self: Box<Self>);
}

/// Object store: immutable objects, each written once under a unique name.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Begins an object of exactly `size` bytes.
    ///
    /// # Errors
    /// [`BlobError::Full`] when the store has no room for it; [`BlobError::Unavailable`], [`BlobError::Failed`].
    async fn create(&self, key: &ObjectKey, size: u64) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Opens an object, or the part of it between two offsets, which must lie within it.
    ///
    /// # Errors
    /// [`BlobError::NotFound`]; [`BlobError::Failed`] for a range that is not within the object, and else;
    /// [`BlobError::Unavailable`].
    async fn open(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<BlobReader, BlobError>;

    /// Size of an object, in bytes.
    ///
    /// # Errors
    /// [`BlobError::NotFound`]; [`BlobError::Unavailable`], [`BlobError::Failed`].
    async fn size(&self, key: &ObjectKey) -> Result<u64, BlobError> {
        self.open(key, None).await.map(|opened| opened.size)
    }

    /// Removes what is stored under a name, unfinished uploads of it as far as the store can name them. Nothing
    /// there is success.
    ///
    /// # Errors
    /// [`BlobError::Failed`] for a name that leads out of the store, and else; [`BlobError::Unavailable`].
    async fn delete(&self, name: &ObjectName) -> Result<(), BlobError>;

    /// All objects below `spaces/`, or those of one space (`spaces/{space}/`), ascending by name where the store can do
    /// that; read page by page as the stream is polled. Uploads that a dead process left are among them where they have a
    /// name. Ends with the first error.
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ListedBlob, BlobError>>;

    /// Writes, reads and removes an object of its own (storage §4.8).
    ///
    /// # Errors
    /// [`BlobError`] of the step that failed.
    async fn probe(&self) -> Result<(), BlobError>;

    /// Completes background work, such as aborts of uploads. For an orderly shutdown.
    async fn close(&self) {}
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader").field("size", &self.size).finish_non_exhaustive()
    }
}
