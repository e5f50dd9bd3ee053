//! What a connection is busy with beside its socket.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use futures_util::future::{BoxFuture, CatchUnwind};
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use less_sync_auth::{Caller, TokenError};
use less_sync_core::rights::Scope;
use less_sync_core::wire::method::Lane;
use less_sync_core::{Close, ErrorCode, frame};
use less_sync_engine::Job;

use super::Event;
use crate::call::Call;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::methods::Completed;
use crate::outbox::Reply;
use crate::registry::ConnectionPermit;

/// A connection whose token is valid and which fits the limits.
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) permit: ConnectionPermit,
}

/// Validates the token and registers the connection (protocol §1.4 steps 4 and 5).
pub(super) async fn admit(endpoint: Arc<Endpoint>, token: String) -> Result<Box<Admitted>, Close> {
    let caller = endpoint.authenticate(&token).await.map_err(rejection)?;
    if !caller.scopes.contains(Scope::Sync.as_str()) {
        return Err(Close::auth_failed("sync scope required"));
    }
    let permit = endpoint.registry.register(&caller).map_err(|_rejected| Close::TOO_MANY_CONNECTIONS)?;
    Ok(Box::new(Admitted { caller, permit }))
}

fn rejection(error: TokenError) -> Close {
    match error {
        TokenError::Missing => Close::auth_failed("missing auth token"),
        TokenError::Invalid(_) => Close::auth_failed("invalid auth token"),
        TokenError::Expired => Close::auth_failed("expired auth token"),
        TokenError::UntrustedIssuer => Close::auth_failed("untrusted auth issuer"),
        TokenError::KeySourceUnavailable => Close::AUTH_UNAVAILABLE,
    }
}

/// A request whose handler panicked.
pub(super) struct Panicked {
    connection: Arc<Connection>,
    call: Call,
}

impl Panicked {
    /// Answers the request, whose response is outstanding.
    pub(super) fn tell(self) {
        let frame = frame::error(self.call.id(), ErrorCode::Internal, "internal");
        self.connection.outbox.try_reply(Reply { frame, after: None });
    }
}

/// Counts a request as under way for as long as it lives, however it ends.
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

/// A request under way.
struct Running {
    _counted: Counted,
    connection: Arc<Connection>,
    call: Call,
    future: CatchUnwind<AssertUnwindSafe<BoxFuture<'static, Completed>>>,
}

impl Future for Running {
    type Output = Result<Completed, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.future.poll_unpin(cx));
        Poll::Ready(outcome.map_err(|_payload| {
            tracing::error!(rpc = self.call.name(), "handler panicked");
            Panicked { connection: self.connection.clone(), call: self.call.clone() }
        }))
    }
}

/// The requests that run in the ordered lane. They finish in the order in which they began.
struct Ordered {
    running: FuturesOrdered<Running>,
    /// Of all of them; only calls of one method run together.
    is_detached: bool,
}

/// The futures of one connection.
#[derive(Default)]
pub(super) struct Work {
    pub(super) admitting: Option<BoxFuture<'static, Result<Box<Admitted>, Close>>>,
    ordered: Option<Box<Ordered>>,
    stream: Option<Box<Running>>,
}

impl Work {
    /// Begins a request; the lane is free, the session saw to that.
    pub(super) fn run(
        &mut self,
        connection: Arc<Connection>,
        call: Call,
        future: BoxFuture<'static, Completed>,
    ) {
        let counted = Counted::new(connection.endpoint.clone());
        let future = AssertUnwindSafe(future).catch_unwind();
        let lane = call.lane();
        let is_detached = call.method.is_some_and(|method| method.row().is_detached);
        let running = Running { _counted: counted, connection, call, future };
        match lane {
            Lane::Ordered => {
                let idle = || Box::new(Ordered { running: FuturesOrdered::new(), is_detached });
                self.ordered.get_or_insert_with(idle).running.push_back(running);
            }
            Lane::Stream => self.stream = Some(Box::new(running)),
        }
    }

    /// Cancels everything, but for mutations under way: those are left to be carried through by their own.
    pub(super) fn stop(&mut self) -> Option<Job> {
        let Self { ordered, .. } = std::mem::take(self);
        let mut rest = ordered.filter(|ordered| ordered.is_detached)?;
        Some(Box::pin(async move {
            // Nobody is left to be told of an outcome, not even of a panic, and catching it has logged it.
            while rest.running.next().await.is_some() {}
        }))
    }

    /// Whatever has become ready, if anything has.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        if let Some(admitting) = &mut self.admitting
            && let Poll::Ready(outcome) = admitting.as_mut().poll(cx)
        {
            self.admitting = None;
            return Some(Event::Admitted(outcome));
        }
        if let Some(ordered) = &mut self.ordered
            && let Poll::Ready(Some(finished)) = ordered.running.poll_next_unpin(cx)
        {
            if ordered.running.is_empty() {
                // An idle connection holds no queue memory.
                self.ordered = None;
            }
            return Some(Event::Finished(Lane::Ordered, finished));
        }
        if let Some(stream) = &mut self.stream
            && let Poll::Ready(finished) = stream.as_mut().poll_unpin(cx)
        {
            self.stream = None;
            return Some(Event::Finished(Lane::Stream, finished));
        }
        None
    }
}
