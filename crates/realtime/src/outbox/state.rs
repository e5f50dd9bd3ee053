//! What the lock of an outbox guards. Methods answer with the wakers that the caller wakes after unlocking.

use std::fmt;
use std::task::{Poll, Waker};

use bytes::Bytes;
use less_sync_core::{Close, SpaceId};

use super::queue::{Framed, Queue};
use super::{AfterWrite, Outgoing, Reply};

#[derive(Default)]
pub(super) struct State {
    pub(super) replies: Queue<QueuedReply>,
    pub(super) events: Queue<QueuedEvent>,
    pub(super) ephemeral: Queue<QueuedEvent>,
    pub(super) closing: Option<Close>,
    pub(super) draining: bool,
    /// A close or drain that the task has not been told of.
    signalled: bool,
    /// The last frame taken was a reply.
    events_turn: bool,
    /// The connection's task, while it waits for frames.
    consumer: Option<Waker>,
    /// Whoever waits for room for a reply; at most one per lane.
    producers: Vec<Waker>,
}

pub(super) struct QueuedReply {
    frame: Bytes,
    after: Option<Box<AfterWrite>>,
}

pub(super) struct QueuedEvent {
    space: Option<SpaceId>,
    frame: Bytes,
}

impl Framed for QueuedReply {
    fn frame(&self) -> &Bytes {
        &self.frame
    }
}

impl Framed for QueuedEvent {
    fn frame(&self) -> &Bytes {
        &self.frame
    }
}

/// Queues and wakers of a connection that was closed, to be dropped and woken outside of the lock.
pub(super) struct Discarded(State);

impl Discarded {
    pub(super) fn wake_all(self) {
        let State { consumer, producers, .. } = self.0;
        consumer.into_iter().chain(producers).for_each(Waker::wake);
    }
}

impl State {
    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.events.is_empty() && self.ephemeral.is_empty()
    }

    #[must_use]
    pub(super) fn queue_reply(&mut self, reply: Reply) -> Option<Waker> {
        let Reply { frame, after } = reply;
        self.replies.push(QueuedReply { frame, after: after.map(Box::new) });
        self.consumer.take()
    }

    #[must_use]
    pub(super) fn queue_event(&mut self, space: Option<SpaceId>, frame: Bytes) -> Option<Waker> {
        self.events.push(QueuedEvent { space, frame });
        self.consumer.take()
    }

    #[must_use]
    pub(super) fn queue_ephemeral(&mut self, space: SpaceId, frame: Bytes) -> Option<Waker> {
        self.ephemeral.push(QueuedEvent { space: Some(space), frame });
        self.consumer.take()
    }

    pub(super) fn wait_for_room(&mut self, producer: &Waker) {
        if !self.producers.iter().any(|known| known.will_wake(producer)) {
            self.producers.push(producer.clone());
        }
    }

    pub(super) fn purge(&mut self, space: SpaceId) {
        self.events.retain(|event| event.space != Some(space));
        self.ephemeral.retain(|event| event.space != Some(space));
    }

    /// Whether this close is the first, and what it discards.
    pub(super) fn close(&mut self, close: Close) -> (bool, Option<Discarded>) {
        if self.closing.is_some() {
            return (false, None);
        }
        let closed =
            Self { closing: Some(close), draining: self.draining, signalled: true, ..Self::default() };
        (true, Some(Discarded(std::mem::replace(self, closed))))
    }

    #[must_use]
    pub(super) fn drain(&mut self) -> Option<Waker> {
        self.draining = true;
        self.signalled = true;
        self.consumer.take()
    }

    /// Readiness by level for frames and by edge for signals: a task that has been told of a close need not be told
    /// again while it says goodbye.
    pub(super) fn poll_ready(&mut self, task: &Waker) -> Poll<()> {
        if std::mem::take(&mut self.signalled) || !self.is_empty() {
            return Poll::Ready(());
        }
        match &mut self.consumer {
            Some(known) => known.clone_from(task),
            unknown @ None => *unknown = Some(task.clone()),
        }
        Poll::Pending
    }

    /// The next frame, and who may now find room.
    pub(super) fn take(&mut self) -> Option<(Outgoing, Vec<Waker>)> {
        if self.events_turn
            && let Some(event) = self.take_event()
        {
            self.events_turn = false;
            return Some((event, Vec::new()));
        }
        if let Some(QueuedReply { frame, after }) = self.replies.pop() {
            self.events_turn = true;
            return Some((Outgoing { frame, after }, std::mem::take(&mut self.producers)));
        }
        self.take_event().map(|event| (event, Vec::new()))
    }

    /// Durable events go before ephemeral ones: they are what a slow consumer is cut for.
    fn take_event(&mut self) -> Option<Outgoing> {
        let event = self.events.pop().or_else(|| self.ephemeral.pop())?;
        Some(Outgoing { frame: event.frame, after: None })
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("replies", &self.replies.len())
            .field("events", &self.events.len())
            .field("ephemeral", &self.ephemeral.len())
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
