//! Response body with a timeout between two frames: the client library reads listings and errors without one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{HttpError, HttpErrorKind, HttpResponseBody};
use tokio::time::{Instant, Sleep, sleep};

/// The body, with an error when a frame takes longer than `stall`.
pub(super) fn bounded(body: HttpResponseBody, stall: Duration) -> HttpResponseBody {
    HttpResponseBody::new(BoundedBody { body: Box::pin(body), stall, timeout: Box::pin(sleep(stall)) })
}

struct BoundedBody<B> {
    body: Pin<Box<B>>,
    stall: Duration,
    timeout: Pin<Box<Sleep>>,
}

/// No frame of a response body within the timeout.
#[derive(Debug, thiserror::Error)]
#[error("object store did not continue its response")]
struct Stalled;

impl<B: Body<Data = Bytes, Error = HttpError>> Body for BoundedBody<B> {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(context) {
            let next = Instant::now() + self.stall;
            self.timeout.as_mut().reset(next);
            return Poll::Ready(frame);
        }
        ready!(self.timeout.as_mut().poll(context));
        Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Timeout, Stalled))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
