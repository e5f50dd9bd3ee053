//! `PUT`: a file as it is read (http §7.1–§7.3).

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

/// What goes before the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The live record that owns the file.
    pub owner: RecordId,
    /// The key of the content, wrapped with the current key of the space.
    pub dek: Dek,
    /// Bytes of ciphertext, exactly.
    pub size: u64,
    /// SHA-256 of the ciphertext, for the server to check.
    pub sha256: Option<[u8; 32]>,
}

/// A file that is on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is this upload.
    Created,
    /// It was there already, with the content and the key of another upload for the same record.
    AlreadyThere,
}

/// What the body has come to.
#[derive(Debug, Default)]
struct Progress {
    pieces: AtomicU64,
    failure: Mutex<Option<Box<dyn Error + Send + Sync>>>,
}

impl RemoteFile<'_> {
    /// Uploads `content`, which is read no faster than it is sent. Safe to repeat, with content that was encrypted anew:
    /// whichever upload came first stays.
    ///
    /// # Errors
    /// See [`FileError`]. Everything but [`FileError::Unreachable`] and [`FileError::Stalled`] says that there is no file
    /// by this call.
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
            request = request.header("repr-digest", digest::written(sha256));
        }
        let sent = request.body(watched(content, progress.clone())).send();
        let response = progress.while_it_moves(sent, self.client.idle_timeout).await?;
        match self.accept(response).await?.status() {
            StatusCode::CREATED => Ok(Stored::Created),
            StatusCode::NO_CONTENT => Ok(Stored::AlreadyThere),
            _ => Err(FileError::Malformed("it is no answer to an upload")),
        }
    }
}

/// A body that tells how far it is, and why it ended before its time.
fn watched<S, E>(content: S, progress: Arc<Progress>) -> Body
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
#[error("the content cannot be read")]
struct ContentFailed;

impl Progress {
    /// The answer, unless for this long neither it comes nor anything is sent.
    async fn while_it_moves(
        &self,
        sent: impl Future<Output = reqwest::Result<Response>>,
        idle: Duration,
    ) -> Result<Response, FileError> {
        let mut sent = std::pin::pin!(sent);
        loop {
            let before = self.pieces.load(Ordering::Relaxed);
            match tokio::time::timeout(idle, &mut sent).await {
                Ok(answer) => return answer.map_err(|error| self.failed(error)),
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
    async fn an_upload_is_given_up_once_it_does_not_move_any_more_and_not_before() {
        let (progress, began) = (Progress::default(), tokio::time::Instant::now());
        let moving = async {
            let mut beat = tokio::time::interval(Duration::from_secs(9));
            for _ in 0..10 {
                beat.tick().await;
                progress.pieces.fetch_add(1, Ordering::Relaxed);
            }
        };
        let answer = progress.while_it_moves(std::future::pending(), Duration::from_secs(10));
        let (answer, ()) = tokio::join!(answer, moving);
        assert!(matches!(answer, Err(FileError::Stalled)), "{answer:?}");
        // The last piece came after 81 s, in the patience that ended after 90 s; the next one ended after 100 s.
        assert_eq!(began.elapsed().as_secs(), 100);
    }
}
