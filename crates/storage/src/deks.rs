//! Data keys of records and files: listed and rewrapped by whoever rotates the key of a space (storage §3.12).

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Cursor, Dek, Epoch, FileId, RecordId};

use crate::{AdminGrant, ReadGrant, StorageError};

/// Keys of one page of a listing.
pub const DEK_PAGE_ROWS: usize = 2000;

/// A listing under way: its bounds were fixed when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DekListing {
    /// Only rows above this cursor.
    pub since: Cursor,
    /// The upper bound C: the cursor of the space when the listing began. Goes into [`RewrapGuard::Listed`].
    pub cursor: Cursor,
    /// Key generation of the space then.
    pub key_generation: Epoch,
}

/// Where a listing stands between two pages. Only an adapter makes one, only [`DekListing::start`] begins one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DekPosition {
    /// Cursor of the last row delivered.
    pub cursor: Cursor,
    /// Id of the last row delivered.
    pub id: [u8; 16],
}

impl DekListing {
    /// The position before the first row.
    #[must_use]
    pub fn start(&self) -> DekPosition {
        DekPosition { cursor: self.since, id: [0xff; 16] }
    }
}

/// The data key of a live record or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredDek<Id> {
    /// What it opens.
    pub id: Id,
    /// Cursor of the last change of that, which a rewrap is not.
    pub cursor: Cursor,
    /// The wrapped key.
    pub dek: Dek,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DekPage<Id> {
    /// Ascending (cursor, id), at most [`DEK_PAGE_ROWS`].
    pub deks: Vec<StoredDek<Id>>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<DekPosition>,
}

/// A data key wrapped anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrap<Id> {
    /// What it opens.
    pub id: Id,
    /// The wrapped key, of the current epoch.
    pub dek: Dek,
    /// The stored key that the caller made it from, as it was told; any length. The key is replaced only if it still is
    /// this one (newer-clients §4.4).
    pub observed: Option<Bytes>,
}

/// Which stored keys an entry without an observed one leaves alone: those that it cannot have been made from. Otherwise
/// an old key would replace the one that newer content needs (storage §3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewrapGuard {
    /// Those of rows above the bound of the caller's listing.
    Listed(Cursor),
    /// Those of the current epoch: it is not known what the caller has listed.
    Unlisted,
    /// None; for tools.
    Off,
}

/// A rewrap took place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys replaced.
    pub replaced: usize,
    /// Entries that counted and changed nothing: repeated, guarded, dead, or without a key that could be replaced.
    pub skipped: usize,
}

/// Data keys.
#[async_trait]
pub trait Deks: Send + Sync {
    /// Begins a listing of record or file keys: reads the state of the space, once, and thereby fixes its upper bound.
    /// Holds nothing afterwards.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`].
    async fn begin_deks(&self, grant: &ReadGrant, since: Cursor) -> Result<DekListing, StorageError>;

    /// One page of the keys of live records, a short read of its own. A record that was pushed since the listing began
    /// has moved above its bound and is left out; one that was rewrapped comes with its new key.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn record_deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<RecordId>, StorageError>;

    /// The same for live files.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn file_deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<FileId>, StorageError>;

    /// Replaces the keys of records, all or nothing; no cursor moves. Of several entries for one record the last one
    /// counts. Entries for tombstones and for records without a key count and change nothing. No entries: no I/O.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`]; [`StorageError::DekEpochMismatch`] when any entry is not of the current epoch;
    /// [`StorageError::DekRecordNotFound`] when any entry without an observed key names no record;
    /// [`StorageError::DekReplaced`] when any observed key is not the stored one. The first that applies, in this order.
    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        entries: Vec<Rewrap<RecordId>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError>;

    /// The same for files.
    ///
    /// # Errors
    /// As [`Deks::rewrap_deks`], with [`StorageError::FileDekNotFound`].
    async fn rewrap_file_deks(
        &self,
        grant: &AdminGrant,
        entries: Vec<Rewrap<FileId>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError>;

    /// Whether the space has any live file (protocol D-31).
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`].
    async fn has_files(&self, grant: &ReadGrant) -> Result<bool, StorageError>;
}
