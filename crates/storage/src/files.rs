//! Files of a space: metadata; the bytes are in the object store (storage §3.13).

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{Cursor, Dek, Epoch, FileId, RecordId};

use crate::error::rejections;
use crate::{ObjectKey, Quota, ReadGrant, StorageError, UploadId, WriteGrant};

/// State of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Live file whose object is in the store.
    Live {
        /// Length of the ciphertext, in bytes.
        size: u64,
        /// The wrapped data key.
        dek: Dek,
    },
    /// Deleted; neither object nor key are kept.
    Tombstone,
}

/// A file as a pull delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The file.
    pub id: FileId,
    /// The record that owns it, or did.
    pub record: RecordId,
    /// Cursor of its last change.
    pub cursor: Cursor,
    /// State of the file.
    pub state: FileState,
}

/// A live file as a download needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The record that owns it.
    pub record: RecordId,
    /// Cursor of its last change.
    pub cursor: Cursor,
    /// Length of the ciphertext, in bytes.
    pub size: u64,
    /// The wrapped data key; a rewrap changes it.
    pub dek: Dek,
    /// Key of the file's object.
    pub object: ObjectKey,
    /// SHA-256 of the object; not known of those that the original wrote.
    pub sha256: Option<[u8; 32]>,
}

/// Upload to be claimed, known before the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The file.
    pub file: FileId,
    /// The record that shall own it.
    pub record: RecordId,
    /// The wrapped data key.
    pub dek: Dek,
}

/// Outcome of a claim: the upload is needed, or its file exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The file is not there, or was deleted.
    Free,
    /// The file exists already and belongs to this record; the first upload stays.
    Exists,
}

/// An attempt that has been written down, and where its object goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The attempt.
    pub id: UploadId,
    /// Key of the object to write.
    pub object: ObjectKey,
}

/// Result of an upload to the object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Length, in bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Outcome of [`Files::commit_file`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCommit {
    /// The file exists from now on.
    Created(FileChange),
    /// Lost race: another upload was first, and nothing changed.
    Exists,
}

/// A mutation of one file, as it took place under the lock of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Cursor of the space before.
    pub prev: Cursor,
    /// Cursor of the space and of the file after it.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Pending rewrap, if any.
    pub rewrap_epoch: Option<Epoch>,
    /// The record that owns the file, or did.
    pub record: RecordId,
}

rejections! {
    FileError:
    /// Rejections of operations on files.
    FileRejection {
        /// The record that shall own the file does not exist, or is deleted.
        #[error("record of a file not found")]
        RecordNotFound,
        /// No such file, or a deleted one.
        #[error("file not found")]
        FileNotFound,
        /// The file belongs to another record.
        #[error("file belongs to another record")]
        OwnedElsewhere,
        /// The data key is older than the space accepts.
        #[error("epoch older than the space accepts")]
        EpochStale,
        /// The lifetime of the upload is over, and its object is being removed; a new upload may succeed.
        #[error("upload lost")]
        UploadLost,
        /// The space has used its last cursor.
        #[error("cursor of the space is exhausted")]
        CursorExhausted,
        /// The file adds bytes beyond a quota (storage §3.20).
        #[error("storage quota exceeded")]
        QuotaExceeded(Quota),
    }
}

/// Files.
///
/// A file comes into existence by [`Files::commit_file`] and by nothing else. An object in the store means nothing
/// without a row.
#[async_trait]
pub trait Files: Send + Sync {
    /// Looks whether an upload of `size` bytes would be accepted, before its body is read (http §7.2, checks 15 to 17 and
    /// 17a). Writes nothing, promises nothing: [`Files::commit_file`] checks again.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`]; [`FileRejection::RecordNotFound`] when the owner is no live record of the space;
    /// [`FileRejection::OwnedElsewhere`] when a live file belongs to another record; [`FileRejection::EpochStale`] when
    /// the space is shared and the key older than it accepts; [`FileRejection::QuotaExceeded`]. The first that applies, in
    /// this order; a file that is there already is [`Claimed::Exists`] whatever its key and its size.
    async fn claim_file(&self, grant: &WriteGrant, claim: &Claim, size: u64) -> Result<Claimed, FileError>;

    /// Writes down that an object is about to be written, so that it cannot be forgotten: unless the upload is committed
    /// within `lifetime`, the object will be removed. Returns where it goes.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`].
    async fn begin_upload(
        &self,
        grant: &WriteGrant,
        file: FileId,
        lifetime: Duration,
    ) -> Result<Upload, StorageError>;

    /// Makes the object of `upload` the content of the file of `claim`, which must be the one that the upload was begun
    /// for: one transaction that inserts the row, or revives a tombstone (newer-clients §7), moves the cursor of the space
    /// by one and forgets the attempt. A file that exists already changes nothing.
    ///
    /// # Errors
    /// As [`Files::claim_file`], with [`FileRejection::CursorExhausted`] before the quotas, and [`FileRejection::UploadLost`]
    /// after them, when the attempt is over already: it took longer than its lifetime, was aborted or committed, or is for another file. On every
    /// error, and on [`FileCommit::Exists`], nothing changed and the object is still to be removed: see
    /// [`Files::abort_upload`].
    async fn commit_file(
        &self,
        grant: &WriteGrant,
        upload: &Upload,
        claim: &Claim,
        content: Content,
    ) -> Result<FileCommit, FileError>;

    /// Has the object of an attempt removed, at once: its lifetime ends now. A repeat changes nothing; an attempt that the
    /// store has forgotten is written down again. Must not be called for an attempt that was committed, or may have been: a
    /// commit whose outcome is unknown is left to its lifetime. Where it is called all the same, the object of a live file
    /// stays where it is.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn abort_upload(&self, upload: &Upload) -> Result<(), StorageError>;

    /// A live file.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`];
    /// [`FileRejection::FileNotFound`] for a tombstone as for a file that never was.
    async fn file(&self, grant: &ReadGrant, file: FileId) -> Result<StoredFile, FileError>;

    /// Makes a tombstone of a live file at the next cursor of the space, drops its key and has its object removed: one
    /// transaction (newer-clients §7). `None`, and nothing changed, when there is no such file or it is deleted already.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`], [`FileRejection::CursorExhausted`].
    async fn delete_file(&self, grant: &WriteGrant, file: FileId) -> Result<Option<FileChange>, FileError>;
}
