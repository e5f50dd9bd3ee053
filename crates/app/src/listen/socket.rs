//! Accepted stream that holds a connection permit and reports its traffic.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use less_sync_engine::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use super::activity::{Activity, Timeouts};
use super::rejection::status_of;
use super::transport::Transport;

/// An accepted connection, after its TLS handshake if it has one. The permit is held until the socket closes, also after an upgrade.
pub(super) struct Socket {
    stream: Transport,
    activity: Arc<Activity>,
    clock: Arc<dyn Clock>,
    /// Status of a response of hyper that was suppressed.
    suppressed: Option<StatusCode>,
    _permit: OwnedSemaphorePermit,
}

impl Socket {
    pub(super) fn new(
        stream: Transport,
        permit: OwnedSemaphorePermit,
        clock: Arc<dyn Clock>,
        timeouts: Timeouts,
    ) -> Self {
        let activity = Arc::new(Activity::new(clock.instant(), timeouts));
        Self { stream, activity, clock, suppressed: None, _permit: permit }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Status of the suppressed response to a malformed request, if there was one.
    pub(super) fn suppressed_status(&self) -> Option<StatusCode> {
        self.suppressed
    }

    /// True if outgoing bytes are to be suppressed, which holds before the first complete request: until then hyper writes
    /// nothing but its own error responses. Remembers the status of the first one.
    fn suppresses(&mut self, bytes: &[u8]) -> bool {
        let unused = self.activity.is_unused();
        if unused && self.suppressed.is_none() {
            self.suppressed = Some(status_of(bytes).unwrap_or(StatusCode::BAD_REQUEST));
        }
        unused
    }

    /// Writes as many bytes as fit the send buffer, without waiting.
    pub(super) fn try_write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.try_write(bytes) {
            tracing::debug!(%error, "failed to write the final response");
        }
    }

    /// Reports the outcome of a write to the activity.
    fn wrote(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Ready(Ok(bytes)) if *bytes > 0 => self.activity.wrote(*bytes, || self.clock.instant()),
            Poll::Ready(_) => {}
            Poll::Pending => self.activity.blocked(|| self.clock.instant()),
        }
        outcome
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
        if self.suppresses(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.suppresses(slices.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The final response has yet to be written to the open stream.
        if self.suppressed.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
