//! Conformance suite of object stores (storage §4, http §11 H1, H2, H6).
//!
//! A store implements [`BlobsBackend`] in a test of its own and instantiates everything with
//! [`blobs_conformance_tests!`](crate::blobs_conformance_tests).

mod fixture;
mod instantiate;
pub mod listings;
pub mod load;
pub mod objects;
mod sizes;
pub mod uploads;

use std::future::Future;

use less_sync_storage::Blobs;

/// Store of the adapter under test, separate from all others.
pub trait BlobsBackend: Sized + Send + Sync + 'static {
    /// Adapter under test.
    type Store: Blobs + 'static;

    /// A new and empty store.
    fn create() -> impl Future<Output = Self> + Send;

    /// Opens it; may be called again while it is open.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;

    /// Puts an object there behind the adapter's back.
    fn put(&self, name: &str, content: &[u8]) -> impl Future<Output = ()> + Send;
}
