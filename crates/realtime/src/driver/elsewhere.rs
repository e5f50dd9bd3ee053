//! Requests that have left their lanes, because another server has to respond (federation FW-2).

use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use less_sync_core::wire::method::Lane;
use less_sync_engine::Job;

use super::event::Event;
use super::running::Running;
use crate::call::Place;
use crate::methods::{Completed, Forwarding};

/// Running requests outside of the lanes. Bounded by the backlog of the connection.
#[derive(Default)]
pub(super) struct Elsewhere(Option<Box<FuturesUnordered<Running<BoxFuture<'static, Completed>>>>>);

impl Elsewhere {
    pub(super) fn run(&mut self, Forwarding { connection, call, rest }: Forwarding) {
        self.0.get_or_insert_default().push(Running::new(connection, call, rest));
    }

    /// The next event of the requests.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        let running = self.0.as_mut()?;
        let Poll::Ready(Some(finished)) = running.poll_next_unpin(cx) else { return None };
        if running.is_empty() {
            // An idle connection holds no queue memory.
            self.0 = None;
        }
        let place = Place { lane: Lane::Ordered, space: None, is_elsewhere: true };
        Some(Event::Finished(place, finished))
    }

    /// Cancels everything but detached requests, which run to completion in the returned job.
    pub(super) fn stop(self) -> Option<Job> {
        let running = self.0?.into_iter().filter(|request| request.call().is_detached());
        let mut rest: FuturesUnordered<_> = running.collect();
        if rest.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            // The connection is gone, so outcomes are dropped; a panic was logged where it was caught.
            while rest.next().await.is_some() {}
        }))
    }
}
