//! Downloads: metadata of a file, and its bytes as a stream.

use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use less_sync_core::FileId;
use less_sync_storage::{BlobError, ReadGrant, StoredFile};

use super::{FileError, Files};
use crate::Presenter;

/// Bytes of a file or of a range of it. Dropping the stream ends the download.
pub struct Download {
    /// Bytes in order; ends with an error unless all of them were delivered.
    pub bytes: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Files {
    /// Metadata of a live file. Does not access the object store.
    ///
    /// # Errors
    /// As [`less_sync_storage::Files::file`].
    pub async fn file(&self, grant: &ReadGrant, file: FileId) -> Result<StoredFile, FileError> {
        Ok(self.0.engine.storage.file(grant, file).await?)
    }

    /// Opens the object of `file`, or the part within `range`, for `presenter`, and compares its size with the database before the response
    /// begins (storage §4.5). Holds no database connection.
    ///
    /// # Errors
    /// [`FileError::TooManyDownloads`]; [`FileError::FileNotFound`] when the object is missing; [`FileError::Damaged`];
    /// [`FileError::Blobs`].
    pub async fn download(
        &self,
        presenter: Presenter<'_>,
        file: &StoredFile,
        range: Option<Range<u64>>,
    ) -> Result<Download, FileError> {
        let permit = self.0.downloads.try_acquire(presenter).ok_or(FileError::TooManyDownloads)?;
        let opened = self.0.blobs.open(&file.object, range).await.inspect_err(|error| {
            if matches!(error, BlobError::NotFound) {
                self.0.metrics.missing.inc();
                tracing::error!(object = file.object.without_space(), "object of a file is missing");
            }
        })?;
        if opened.size != file.size {
            self.0.metrics.damaged.inc();
            let (expected, actual) = (file.size, opened.size);
            tracing::error!(
                object = file.object.without_space(),
                expected,
                actual,
                "size of an object differs from its file"
            );
            return Err(FileError::Damaged { expected, actual });
        }
        let shared = self.0.clone();
        let bytes = opened.bytes.inspect(move |chunk| {
            // Captured by the stream: the permit is released when the response body is dropped, not when this returns.
            let _permit = &permit;
            if let Ok(chunk) = chunk {
                shared.metrics.bytes_down.inc_by(chunk.len() as u64);
            }
        });
        self.0.metrics.downloads.inc();
        Ok(Download { bytes: bytes.boxed() })
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Download")
    }
}
