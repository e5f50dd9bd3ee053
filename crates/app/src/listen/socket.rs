//! An accepted TCP stream that occupies a slot and reports what moves through it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use less_sync_engine::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::activity::Activity;
use super::rejection::status_of;

/// One connection. It stays what it is after an upgrade, so its slot is held until it closes.
pub(super) struct Socket {
    stream: TcpStream,
    activity: Arc<Activity>,
    clock: Arc<dyn Clock>,
    /// The status of an answer that was held back because there was no request.
    held_back: Option<StatusCode>,
    _slot: OwnedSemaphorePermit,
}

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        slot: OwnedSemaphorePermit,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Self {
        let activity = Arc::new(Activity::new(clock.instant(), patience));
        Self { stream, activity, clock, held_back: None, _slot: slot }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// The status of the library's answer to something that was no request, when there was one.
    pub(super) fn held_back(&self) -> Option<StatusCode> {
        self.held_back
    }

    /// Whether bytes are to be held back: all that come before the first request.
    fn hold_back(&mut self, bytes: &[u8]) -> bool {
        let unused = self.activity.is_unused();
        if unused && self.held_back.is_none() {
            self.held_back = Some(status_of(bytes).unwrap_or(StatusCode::BAD_REQUEST));
        }
        unused
    }

    /// Writes what the kernel takes at once, and no more.
    pub(super) fn try_write(&self, bytes: &[u8]) {
        if let Err(error) = self.stream.try_write(bytes) {
            tracing::debug!(%error, "a last word could not be said");
        }
    }

    fn wrote(&self, outcome: io::Result<usize>) -> Poll<io::Result<usize>> {
        if outcome.as_ref().is_ok_and(|bytes| *bytes > 0) {
            self.activity.wrote(|| self.clock.instant());
        }
        Poll::Ready(outcome)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.activity.read(|| self.clock.instant());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.hold_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.hold_back(slices.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let outcome = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held_back.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
