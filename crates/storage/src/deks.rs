//! Data keys of records and files: paged listings and rewraps for the rotation of a space's key (storage §3.12).

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Cursor, Dek, DekKind, Epoch, FileId, RecordId};

use crate::error::rejections;
use crate::{AdminGrant, ReadGrant, StorageError};

/// Rows of one page of a listing.
pub const DEK_PAGE_ROWS: usize = 2000;

/// Id of a record or a file; a [`DekKind`] beside it says which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DekId([u8; 16]);

impl DekId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<RecordId> for DekId {
    fn from(id: RecordId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<FileId> for DekId {
    fn from(id: FileId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<DekId> for RecordId {
    fn from(id: DekId) -> Self {
        Self::from_bytes(id.0)
    }
}

impl From<DekId> for FileId {
    fn from(id: DekId) -> Self {
        Self::from_bytes(id.0)
    }
}

/// State of a listing; its bounds are fixed when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DekListing {
    /// Kind of the listed keys.
    pub kind: DekKind,
    /// Lower bound of the cursors of the rows, exclusive.
    pub since: Cursor,
    /// Upper bound of the cursors of the rows, inclusive: the cursor of the space when the listing began. Goes into
    /// [`RewrapGuard::Listed`].
    pub cursor: Cursor,
    /// Key generation of the space when the listing began.
    pub key_generation: Epoch,
}

/// Position between two pages of a listing. Only an adapter makes one, only [`DekListing::start`] begins one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DekPosition {
    /// Cursor of the last row delivered.
    pub cursor: Cursor,
    /// Id of the last row delivered.
    pub id: DekId,
}

impl DekListing {
    /// The position before the first row.
    #[must_use]
    pub fn start(&self) -> DekPosition {
        DekPosition { cursor: self.since, id: DekId([0xff; 16]) }
    }
}

/// Data key of a live record or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredDek {
    /// Id of the record or file.
    pub id: DekId,
    /// Cursor of the last change of the record or file; a rewrap is not a change.
    pub cursor: Cursor,
    /// The wrapped key.
    pub dek: Dek,
}

/// Page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DekPage {
    /// Rows, ascending (cursor, id), at most [`DEK_PAGE_ROWS`].
    pub deks: Vec<StoredDek>,
    /// Start of the next page; `None` after the last one.
    pub next: Option<DekPosition>,
}

impl DekPage {
    /// Rows that an adapter reads for one page. The surplus row only shows whether another page follows.
    pub const READ_ROWS: usize = DEK_PAGE_ROWS + 1;

    /// Cuts the first [`DekPage::READ_ROWS`] rows after a position down to a page.
    #[must_use]
    pub fn from_rows(mut rows: Vec<StoredDek>) -> Self {
        let more = rows.len() > DEK_PAGE_ROWS;
        rows.truncate(DEK_PAGE_ROWS);
        let next = rows.last().filter(|_| more).map(|last| DekPosition { cursor: last.cursor, id: last.id });
        Self { deks: rows, next }
    }
}

/// Rewrapped data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrap {
    /// Id of the record or file.
    pub id: DekId,
    /// The wrapped key, of the current epoch.
    pub dek: Dek,
    /// The stored key that the caller read, of any length. The key is replaced only if it still is this one
    /// (newer-clients §4.4). `None`: the [`RewrapGuard`] decides.
    pub observed: Option<Bytes>,
}

/// Stored keys that a rewrap leaves alone when an entry has no observed key. Without this guard an old key could replace
/// the one that newer content needs (storage §3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewrapGuard {
    /// Keys of rows above the bound of the caller's listing.
    Listed(Cursor),
    /// Keys of the current epoch, since the caller's listing is not known.
    Unlisted,
    /// No protection; for tools.
    Off,
}

/// Outcome of a rewrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Replaced keys.
    pub replaced: usize,
    /// Accepted entries without effect: repeated, guarded, for a tombstone, or for a record without a key.
    pub skipped: usize,
}

rejections! {
    DekError:
    /// Rejections of operations on data keys.
    DekRejection {
        /// A new data key is not of the current epoch.
        #[error("epoch of a data key does not match the key generation")]
        EpochMismatch,
        /// A data key for a record that does not exist.
        #[error("record of a data key not found")]
        RecordNotFound,
        /// A data key for a file that does not exist.
        #[error("file of a data key not found")]
        FileNotFound,
        /// The stored data key is not the observed one.
        #[error("wrapped data key was replaced concurrently")]
        Replaced,
    }
}

/// Listings and rewraps of data keys.
#[async_trait]
pub trait Deks: Send + Sync {
    /// Begins a listing of the keys of `kind`: reads the state of the space once, which fixes the upper bound. Holds
    /// nothing afterwards.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`].
    async fn begin_deks(
        &self,
        grant: &ReadGrant,
        kind: DekKind,
        since: Cursor,
    ) -> Result<DekListing, StorageError>;

    /// Reads one page of the keys of live records or files, a short read of its own. A record that was pushed since the
    /// listing began has moved above its bound and is left out; one that was rewrapped comes with its new key.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage, StorageError>;

    /// Replaces keys of `kind`, all or nothing; no cursor moves. Of several entries for one id the last one counts.
    /// Entries for tombstones and for records without a key count and change nothing. Access is checked without entries too.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`]; [`DekRejection::EpochMismatch`] when any entry is not of the current epoch;
    /// [`DekRejection::RecordNotFound`] or [`DekRejection::FileNotFound`], by kind, when any entry without an
    /// observed key names nothing; [`DekRejection::Replaced`] when any observed key is not the stored one. The first
    /// that applies, in this order.
    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        kind: DekKind,
        entries: Vec<Rewrap>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError>;

    /// Returns true if the space has any live file (protocol D-31).
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`].
    async fn has_files(&self, grant: &ReadGrant) -> Result<bool, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Vec<StoredDek> {
        let row = |number: usize| StoredDek {
            id: DekId((number as u128).to_be_bytes()),
            cursor: Cursor::ZERO,
            dek: Dek::from_bytes([0; Dek::LENGTH]),
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn page_is_cut_to_its_rows_and_names_the_last_one() {
        assert_eq!(DekPage::from_rows(rows(0)), DekPage { deks: Vec::new(), next: None });
        assert_eq!(DekPage::from_rows(rows(DEK_PAGE_ROWS)).next, None);
        let page = DekPage::from_rows(rows(DekPage::READ_ROWS));
        assert_eq!(page.deks.len(), DEK_PAGE_ROWS);
        assert_eq!(page.next.map(|next| next.id), page.deks.last().map(|last| last.id));
    }
}
