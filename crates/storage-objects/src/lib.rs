//! Where the bytes of files are: a local directory ([`LocalBlobs`]) or a bucket of S3 ([`S3Blobs`]).
//!
//! Both implement [`Blobs`](less_sync_storage::Blobs) and pass its conformance suite. Neither knows what a file means:
//! rows, grants and the order of things are the engine's.
//!
//! ```no_run
//! # async fn example() -> Result<(), less_sync_storage::BlobError> {
//! let blobs = less_sync_storage_objects::LocalBlobs::open("data/files").await?;
//! # Ok(()) }
//! ```

mod local;
mod object_name;
mod probe;
mod s3;
mod violation;

pub use local::{LocalBlobs, Room, Volume};
pub use s3::{InvalidS3Options, Patience, S3Blobs, S3Options};
pub use violation::Violation;

/// The most bytes that are read, written or handed on at once.
const PIECE: usize = 256 * 1024;
