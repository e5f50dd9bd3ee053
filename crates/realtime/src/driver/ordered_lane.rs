//! The requests that run in the ordered lane of a connection.
//!
//! Most requests run alone. Pipelined ones have two phases: they are *placed* one at a time, in arrival order, and what is
//! left of them after that runs together. So the order in which they take effect is that of their arrival, while what
//! they wait for (a commit, say) is shared. All of them finish in arrival order.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either};
use futures_util::stream::FuturesOrdered;

use super::running::{Panicked, Running};
use crate::methods::{Completed, Placed};

/// A request whose place in the order is not taken yet.
type Placing = Running<BoxFuture<'static, Placed>>;

/// A request under way, or one that panicked while it was being placed.
type Placement = Either<Running<BoxFuture<'static, Completed>>, Ready<Result<Completed, Panicked>>>;

/// Requests of one method.
pub(super) struct OrderedLane {
    /// Only the first of them is polled: the next one may look at its space when this one has its place.
    placing: VecDeque<Placing>,
    running: FuturesOrdered<Placement>,
    is_detached: bool,
}

impl OrderedLane {
    /// A lane for requests of one method. `is_detached`: whether they outlive their connection.
    pub(super) fn new(is_detached: bool) -> Self {
        Self { placing: VecDeque::new(), running: FuturesOrdered::new(), is_detached }
    }

    /// Begins a request.
    pub(super) fn run(&mut self, request: Running<BoxFuture<'static, Completed>>) {
        self.running.push_back(Either::Left(request));
    }

    /// Begins a pipelined request, behind those that are still to be placed.
    pub(super) fn place(&mut self, request: Placing) {
        self.placing.push_back(request);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.placing.is_empty() && self.running.is_empty()
    }

    /// Whether the requests are completed even though the connection ends.
    pub(super) fn is_detached(&self) -> bool {
        self.is_detached
    }

    /// The next finished request, in arrival order; `None` when there is none left.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Completed, Panicked>>> {
        self.poll_placing(cx);
        match self.running.poll_next_unpin(cx) {
            // Something is still being placed, and wakes the task.
            Poll::Ready(None) if !self.placing.is_empty() => Poll::Pending,
            next => next,
        }
    }

    fn poll_placing(&mut self, cx: &mut Context<'_>) {
        while let Some(first) = self.placing.front_mut()
            && let Poll::Ready(placed) = Pin::new(first).poll(cx)
            && let Some(first) = self.placing.pop_front()
        {
            self.running.push_back(match placed {
                Ok(rest) => Either::Left(first.continued(rest)),
                Err(panicked) => Either::Right(ready(Err(panicked))),
            });
        }
    }
}
