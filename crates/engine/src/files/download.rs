//! Downloads: what is known of a file, and its bytes as a stream.

use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use less_sync_core::FileId;
use less_sync_storage::{BlobError, ReadGrant, StoredFile};

use super::{FileError, Files};

/// The bytes of a file, or of a part of it. Whoever drops it ends the download.
pub struct Download {
    /// In order; ends with an error unless all of them were delivered.
    pub bytes: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Files {
    /// What is known of a live file. Does not touch the object store.
    ///
    /// # Errors
    /// As [`less_sync_storage::Files::file`].
    pub async fn file(&self, grant: &ReadGrant, file: FileId) -> Result<StoredFile, FileError> {
        Ok(self.0.engine.storage.file(grant, file).await?)
    }

    /// Opens the object of `file`, or the part of it within `range`, and makes sure that it is whole before anything is
    /// said about it (storage §4.5). No database connection is held.
    ///
    /// # Errors
    /// [`FileError::TooManyDownloads`]; [`FileError::FileNotFound`] when the object is missing; [`FileError::Damaged`];
    /// [`FileError::Blobs`].
    pub async fn download(
        &self,
        file: &StoredFile,
        range: Option<Range<u64>>,
    ) -> Result<Download, FileError> {
        let place = self.0.downloads.take().ok_or(FileError::TooManyDownloads)?;
        let opened = self.0.blobs.open(&file.object, range).await.inspect_err(|error| {
            if matches!(error, BlobError::NotFound) {
                self.missing(file);
            }
        })?;
        if opened.size != file.size {
            self.0.metrics.damaged.increment();
            let (expected, actual) = (file.size, opened.size);
            tracing::error!(object = %file.object, expected, actual, "an object has another size than its file");
            return Err(FileError::Damaged { expected, actual });
        }
        let shared = self.0.clone();
        let bytes = opened.bytes.inspect(move |piece| {
            let _held_until_the_end = &place;
            if let Ok(piece) = piece {
                shared.metrics.bytes_down.add(piece.len() as u64);
            }
        });
        self.0.metrics.downloads.increment();
        Ok(Download { bytes: bytes.boxed() })
    }

    fn missing(&self, file: &StoredFile) {
        self.0.metrics.missing.increment();
        tracing::error!(object = %file.object, "the object of a file is missing");
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Download")
    }
}
