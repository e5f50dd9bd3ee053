//! Ordered lane of a connection: running requests that take effect in arrival order.
//!
//! Most requests run alone. Pipelined requests have two phases: the first ones, which enqueue a change, run one at a time, in
//! arrival order, and the second ones concurrently. They take effect in arrival order, and share the wait, for a commit for example.
//! All of them finish in arrival order.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either};
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};

use super::running::{Panicked, Running};
use crate::methods::{Enqueued, Progress};

/// Request in its first phase, whose change is not enqueued yet.
type FirstPhase = Running<BoxFuture<'static, Enqueued>>;

/// Request in its second phase, or one that panicked in its first.
type SecondPhase = Either<Running<BoxFuture<'static, Progress>>, Ready<Result<Progress, Panicked>>>;

/// Running requests, all of one method.
pub(super) struct OrderedLane {
    /// Requests in their first phase. Only the first of them is polled: each has enqueued its change before the next one starts.
    first_phase: VecDeque<FirstPhase>,
    running: FuturesOrdered<SecondPhase>,
    is_detached: bool,
}

impl OrderedLane {
    /// A lane for requests of one method. `is_detached`: the requests outlive their connection.
    pub(super) fn new(is_detached: bool) -> Self {
        Self { first_phase: VecDeque::new(), running: FuturesOrdered::new(), is_detached }
    }

    /// Starts a request with a single phase.
    pub(super) fn run(&mut self, request: Running<BoxFuture<'static, Progress>>) {
        self.running.push_back(Either::Left(request));
    }

    /// Starts a pipelined request, behind those that are in their first phase.
    pub(super) fn run_pipelined(&mut self, request: FirstPhase) {
        self.first_phase.push_back(request);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first_phase.is_empty() && self.running.is_empty()
    }

    /// True if the requests run to completion although the connection ends.
    pub(super) fn is_detached(&self) -> bool {
        self.is_detached
    }

    /// The next finished request, in arrival order; `None` once the lane is empty.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Progress, Panicked>>> {
        self.poll_first_phase(cx);
        match self.running.poll_next_unpin(cx) {
            // A request is still in its first phase; `poll_first_phase` has registered its wakeup.
            Poll::Ready(None) if !self.first_phase.is_empty() => Poll::Pending,
            next @ (Poll::Ready(_) | Poll::Pending) => next,
        }
    }

    fn poll_first_phase(&mut self, cx: &mut Context<'_>) {
        while let Some(first) = self.first_phase.front_mut()
            && let Poll::Ready(enqueued) = Pin::new(first).poll(cx)
            && let Some(first) = self.first_phase.pop_front()
        {
            self.running.push_back(match enqueued {
                Ok(Enqueued::InLane(rest)) => {
                    Either::Left(first.continued(rest.map(Progress::Completed).boxed()))
                }
                Ok(Enqueued::Forwarded(rest)) => Either::Right(ready(Ok(Progress::Forwarded(rest)))),
                Err(panicked) => Either::Right(ready(Err(panicked))),
            });
        }
    }
}
