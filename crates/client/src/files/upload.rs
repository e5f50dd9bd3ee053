//! Streaming uploads (`PUT`, http §7.1–§7.3).

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::Method;
use http::header::CONTENT_LENGTH;
use less_sync_core::{Dek, RecordId};
use parking_lot::Mutex;
use reqwest::{Body, Response, StatusCode};

use super::error::FileError;
use super::{RemoteFile, digest};

/// Metadata of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Live record that owns the file.
    pub owner: RecordId,
    /// Key of the content, wrapped under the current epoch of the space.
    pub dek: Dek,
    /// Exact size of the ciphertext, in bytes.
    pub size: u64,
    /// SHA-256 of the ciphertext, verified by the server.
    pub sha256: Option<[u8; 32]>,
}

/// Success of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Stored by this upload.
    Created,
    /// Stored before, by another upload for the same record.
    AlreadyThere,
}

/// Progress of the request body.
#[derive(Debug, Default)]
struct Progress {
    /// Pieces handed to the connection.
    pieces: AtomicU64,
    /// Failure to read the content.
    failure: Mutex<Option<Box<dyn Error + Send + Sync>>>,
}

impl RemoteFile<'_> {
    /// Uploads `content`, reading it with backpressure. Retries are safe, with newly encrypted content: the first completed
    /// upload is kept.
    ///
    /// # Errors
    /// See [`FileError`]. After any but [`FileError::Unreachable`] and [`FileError::Stalled`], this call has stored no file.
    pub async fn put<S, E>(&self, upload: &Upload, content: S) -> Result<Stored, FileError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let progress = Arc::new(Progress::default());
        let mut request = self
            .request(Method::PUT)
            .header("x-record-id", upload.owner.to_string())
            .header("x-wrapped-dek", BASE64_STANDARD.encode(upload.dek.as_bytes()))
            .header(CONTENT_LENGTH, upload.size);
        if let Some(sha256) = &upload.sha256 {
            request = request.header("repr-digest", digest::format(sha256));
        }
        let sent = request.body(tracked(content, progress.clone())).send();
        let response = progress.until_idle(sent, self.client.idle_timeout).await?;
        match self.accept(response).await?.status() {
            StatusCode::CREATED => Ok(Stored::Created),
            StatusCode::NO_CONTENT => Ok(Stored::AlreadyThere),
            _ => Err(FileError::Malformed("unexpected status of an upload")),
        }
    }
}

/// Request body that records its progress and its failure.
fn tracked<S, E>(content: S, progress: Arc<Progress>) -> Body
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let moved = progress.clone();
    let content = content.inspect_ok(move |_| {
        moved.pieces.fetch_add(1, Ordering::Relaxed);
    });
    Body::wrap_stream(content.map_err(move |error| {
        *progress.failure.lock() = Some(error.into());
        ContentFailed
    }))
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read the content")]
struct ContentFailed;

impl Progress {
    /// Waits for the response; fails after `idle` without a response or a sent piece.
    async fn until_idle(
        &self,
        sent: impl Future<Output = reqwest::Result<Response>>,
        idle: Duration,
    ) -> Result<Response, FileError> {
        let mut sent = std::pin::pin!(sent);
        loop {
            let before = self.pieces.load(Ordering::Relaxed);
            match tokio::time::timeout(idle, &mut sent).await {
                Ok(response) => return response.map_err(|error| self.failed(error)),
                Err(_) if self.pieces.load(Ordering::Relaxed) == before => return Err(FileError::Stalled),
                Err(_) => {}
            }
        }
    }

    fn failed(&self, error: reqwest::Error) -> FileError {
        match self.failure.lock().take() {
            Some(failure) => FileError::Content(failure),
            None => FileError::unreachable(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn upload_fails_after_the_idle_timeout_without_progress() {
        let (progress, began) = (Progress::default(), tokio::time::Instant::now());
        let moving = async {
            let mut beat = tokio::time::interval(Duration::from_secs(9));
            for _ in 0..10 {
                beat.tick().await;
                progress.pieces.fetch_add(1, Ordering::Relaxed);
            }
        };
        let outcome = progress.until_idle(std::future::pending(), Duration::from_secs(10));
        let (outcome, ()) = tokio::join!(outcome, moving);
        assert!(matches!(outcome, Err(FileError::Stalled)), "{outcome:?}");
        // The last piece was sent after 81 s, within the timeout that ended after 90 s; the next one ended after 100 s.
        assert_eq!(began.elapsed().as_secs(), 100);
    }
}
