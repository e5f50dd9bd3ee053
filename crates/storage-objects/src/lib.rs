//! Object store adapters of less-sync: a local directory ([`LocalBlobs`]) and a bucket of S3 ([`S3Blobs`]).
//!
//! Both implement [`Blobs`](less_sync_storage::Blobs) and pass its conformance suite. An object is written once under a
//! unique key, becomes visible as a whole, and is durable when its writer has finished. What a file is, who may read it and
//! when an object is deleted is decided by the engine.
//!
//! Memory is bounded per transfer: chunks of 256 KiB in a directory, three parts of 5 MiB in a bucket.
//!
//! ```no_run
//! # async fn example(instance: uuid::Uuid) -> Result<(), less_sync_storage::BlobError> {
//! let blobs = less_sync_storage_objects::LocalBlobs::open("data/files", instance).await?;
//! # Ok(()) }
//! ```

mod local;
mod named_objects;
mod object_path;
mod probe;
mod s3;
mod violation;

pub use local::{LocalBlobs, LocalOptions};
pub use named_objects::NamedObjects;
pub use s3::{InvalidS3Options, RetryPolicy, S3Blobs, S3Options, Timeouts};
pub use violation::Violation;

/// Maximum bytes of one read, write or stream item.
const PIECE: usize = 256 * 1024;
