//! What a data key opens.

use async_trait::async_trait;
use less_sync_core::wire::method::Method;
use less_sync_core::{FileId, RecordId};
use less_sync_storage::{
    AdminGrant, DekListing, DekPage, DekPosition, Deks, ReadGrant, Rewrap, RewrapGuard, Rewrapped,
    StorageError,
};

/// A record or a file: something with a data key of its own.
#[async_trait]
pub trait Keyed: Copy + Send + Sync + 'static {
    /// The method that lists keys of these.
    const GET: Method;
    /// The method that rewraps them.
    const REWRAP: Method;
    /// Whether a missing scope is waived while a space has no files (protocol D-31).
    const SCOPE_IS_WAIVED: bool;

    /// As [`Deks::record_deks`] or [`Deks::file_deks`].
    ///
    /// # Errors
    /// As theirs.
    async fn page(
        deks: &dyn Deks,
        grant: &ReadGrant,
        bounds: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<Self>, StorageError>;

    /// As [`Deks::rewrap_deks`] or [`Deks::rewrap_file_deks`].
    ///
    /// # Errors
    /// As theirs.
    async fn rewrap(
        deks: &dyn Deks,
        grant: &AdminGrant,
        entries: Vec<Rewrap<Self>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError>;
}

#[async_trait]
impl Keyed for RecordId {
    const GET: Method = Method::DeksGet;
    const REWRAP: Method = Method::DeksRewrap;
    const SCOPE_IS_WAIVED: bool = false;

    async fn page(
        deks: &dyn Deks,
        grant: &ReadGrant,
        bounds: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<Self>, StorageError> {
        deks.record_deks(grant, bounds, position).await
    }

    async fn rewrap(
        deks: &dyn Deks,
        grant: &AdminGrant,
        entries: Vec<Rewrap<Self>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        deks.rewrap_deks(grant, entries, guard).await
    }
}

#[async_trait]
impl Keyed for FileId {
    const GET: Method = Method::DeksGetFiles;
    const REWRAP: Method = Method::DeksRewrapFiles;
    const SCOPE_IS_WAIVED: bool = true;

    async fn page(
        deks: &dyn Deks,
        grant: &ReadGrant,
        bounds: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<Self>, StorageError> {
        deks.file_deks(grant, bounds, position).await
    }

    async fn rewrap(
        deks: &dyn Deks,
        grant: &AdminGrant,
        entries: Vec<Rewrap<Self>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        deks.rewrap_file_deks(grant, entries, guard).await
    }
}
