//! Running request: counted for the shutdown, its panics caught.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use less_sync_core::{ErrorCode, frame};
use tracing::Span;

use crate::call::Call;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::outbox::Reply;

/// A request whose handler panicked.
pub(super) struct Panicked {
    connection: Arc<Connection>,
    call: Call,
}

impl Panicked {
    /// Responds to the request with an internal error, and returns the size of its message, in bytes.
    pub(super) fn respond(self) -> usize {
        // Without waiting: this is the task that makes room in the outbox.
        let frame = frame::error(self.call.id(), ErrorCode::Internal, "internal");
        self.connection.outbox.try_reply(Reply { frame, after: None });
        self.call.message().len()
    }
}

/// Guard that counts a request as running until it is dropped.
struct Counted(Arc<Endpoint>);

impl Counted {
    fn new(endpoint: Arc<Endpoint>) -> Self {
        endpoint.running.fetch_add(1, Ordering::AcqRel);
        Self(endpoint)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Running request of one phase.
pub(super) struct Running<F> {
    counted: Counted,
    connection: Arc<Connection>,
    call: Call,
    /// Entered while the request runs, so that its log lines name it.
    span: Span,
    future: CatchUnwind<AssertUnwindSafe<F>>,
}

impl<F: Future + Unpin> Running<F> {
    pub(super) fn new(connection: Arc<Connection>, call: Call, future: F) -> Self {
        let counted = Counted::new(connection.endpoint.clone());
        let span = call.span();
        Self { counted, connection, call, span, future: AssertUnwindSafe(future).catch_unwind() }
    }

    /// The request.
    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    /// The same request with the future of its next phase.
    pub(super) fn continued<R: Future + Unpin>(self, rest: R) -> Running<R> {
        let Self { counted, connection, call, span, .. } = self;
        Running { counted, connection, call, span, future: AssertUnwindSafe(rest).catch_unwind() }
    }
}

impl<F: Future + Unpin> Future for Running<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        let outcome = ready!(this.future.poll_unpin(cx));
        Poll::Ready(outcome.map_err(|_payload| {
            tracing::error!("handler panicked");
            Panicked { connection: this.connection.clone(), call: this.call.clone() }
        }))
    }
}
