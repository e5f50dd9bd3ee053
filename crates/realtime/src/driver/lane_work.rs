//! Running requests of one pair of lanes.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use less_sync_core::SpaceId;
use less_sync_core::wire::method::Lane;
use less_sync_engine::Job;

use super::event::Event;
use super::ordered_lane::OrderedLane;
use super::running::Running;
use crate::call::{Call, Place};
use crate::connection::Connection;
use crate::methods::{Enqueued, Progress};

/// Running requests of one pair of lanes.
#[derive(Default)]
pub(super) struct LaneWork {
    ordered: Option<Box<OrderedLane>>,
    stream: Option<Box<RunningStream>>,
}

struct RunningStream {
    request: Running<BoxFuture<'static, Progress>>,
    /// True once the peer needs no response any more.
    is_cancelled: bool,
}

impl LaneWork {
    pub(super) fn run(
        &mut self,
        connection: Arc<Connection>,
        call: Call,
        future: BoxFuture<'static, Progress>,
    ) {
        match call.lane() {
            Lane::Ordered => self.ordered(&call).run(Running::new(connection, call, future)),
            Lane::Stream => {
                let request = Running::new(connection, call, future);
                self.stream = Some(Box::new(RunningStream { request, is_cancelled: false }));
            }
        }
    }

    pub(super) fn run_pipelined(
        &mut self,
        connection: Arc<Connection>,
        call: Call,
        first_phase: BoxFuture<'static, Enqueued>,
    ) {
        self.ordered(&call).run_pipelined(Running::new(connection, call, first_phase));
    }

    /// The ordered lane. Calls that run concurrently in it are all of one method, so `is_detached` is the same for all.
    fn ordered(&mut self, call: &Call) -> &mut OrderedLane {
        let is_detached = call.is_detached();
        self.ordered.get_or_insert_with(|| Box::new(OrderedLane::new(is_detached)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ordered.is_none() && self.stream.is_none()
    }

    /// Cancels the running stream if its request id is `id`.
    pub(super) fn cancel_stream(&mut self, id: &str) {
        if let Some(stream) = &mut self.stream {
            stream.is_cancelled |= stream.request.call().id() == id;
        }
    }

    /// Cancels everything but detached requests, which run to completion in the returned job.
    pub(super) fn stop(self) -> Option<Job> {
        let mut rest = self.ordered.filter(|ordered| ordered.is_detached())?;
        Some(Box::pin(async move {
            // The connection is gone, so outcomes are dropped; a panic was logged where it was caught.
            while poll_fn(|cx| rest.poll_next(cx)).await.is_some() {}
        }))
    }

    /// The next event of the lanes, which are those of `space`.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        space: Option<SpaceId>,
        may_cancel: bool,
    ) -> Option<Event> {
        if let Some(ordered) = &mut self.ordered
            && let Poll::Ready(Some(finished)) = ordered.poll_next(cx)
        {
            if ordered.is_empty() {
                // An idle connection holds no queue memory.
                self.ordered = None;
            }
            let place = Place { lane: Lane::Ordered, space, is_elsewhere: false };
            return Some(Event::of_lane(place, finished));
        }
        let place = Place { lane: Lane::Stream, space, is_elsewhere: false };
        if may_cancel && let Some(cancelled) = self.stream.take_if(|stream| stream.is_cancelled) {
            return Some(Event::Cancelled(place, cancelled.request.call().message().len()));
        }
        if let Some(stream) = &mut self.stream
            && let Poll::Ready(finished) = stream.request.poll_unpin(cx)
        {
            self.stream = None;
            return Some(Event::of_lane(place, finished));
        }
        None
    }
}
