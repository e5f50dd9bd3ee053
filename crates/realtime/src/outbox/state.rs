//! State behind the lock of an outbox. Methods return the wakers for the caller to wake after unlocking.

use std::fmt;
use std::task::{Poll, Waker};

use bytes::Bytes;
use less_sync_core::{Close, SpaceId};

use super::queue::{Queue, QueueEntry};
use super::reply::{AfterWrite, Outgoing, Reply};
use crate::message_part::MessagePart;

#[derive(Default)]
pub(super) struct State {
    pub(super) replies: Queue<QueuedReply>,
    pub(super) events: Queue<QueuedEvent>,
    pub(super) ephemeral: Queue<QueuedEvent>,
    /// Frames after the first one of the message that is sent in several.
    pub(super) pieces: Queue<Piece>,
    pub(super) closing: Option<Close>,
    pub(super) draining: bool,
    /// Close that is to follow the queued frames. Boxed, because idle connections keep their outboxes.
    pub(super) finishing: Option<Box<Close>>,
    /// Size of the frames that were taken and are not written yet, in bytes.
    pub(super) unwritten: usize,
    /// The first frame of a message of several frames is queued, and the last one is not.
    pub(super) has_open_message: bool,
    /// A close or drain that `poll_ready` has not reported yet.
    is_signalled: bool,
    next: Next,
    /// Waker of the connection's task while it waits for frames.
    consumer: Option<Waker>,
    /// Wakers of the calls that wait for room for a reply: the stream, and any number of pipelined calls.
    pub(super) producers: Vec<Waker>,
}

/// Kind of the next frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    /// A reply, or else an event.
    #[default]
    Reply,
    /// An event, or else a reply: one of each in turn.
    Event,
    /// A piece: the first frame of its message was taken, and nothing but the others may follow.
    Piece,
}

pub(super) struct QueuedReply {
    frame: Bytes,
    part: MessagePart,
    after: Option<Box<AfterWrite>>,
}

pub(super) struct QueuedEvent {
    space: Option<SpaceId>,
    frame: Bytes,
}

pub(super) struct Piece {
    frame: Bytes,
    part: MessagePart,
}

impl QueueEntry for Piece {
    fn size(&self) -> usize {
        self.frame.len()
    }
}

impl QueueEntry for QueuedReply {
    fn size(&self) -> usize {
        self.frame.len() + self.after.as_ref().map_or(0, |after| after.size())
    }
}

impl QueueEntry for QueuedEvent {
    fn size(&self) -> usize {
        self.frame.len()
    }
}

/// Queues and wakers of a closed connection, to be dropped and woken after the lock is released.
pub(super) struct Discarded(State);

impl Discarded {
    pub(super) fn wake_all(self) {
        let State { consumer, producers, .. } = self.0;
        consumer.into_iter().chain(producers).for_each(Waker::wake);
    }
}

impl State {
    /// True while no frame may be taken.
    pub(super) fn is_empty(&self) -> bool {
        let none_waits = self.replies.is_empty() && self.events.is_empty() && self.ephemeral.is_empty();
        self.pieces.is_empty() && (self.next == Next::Piece || none_waits)
    }

    #[must_use]
    pub(super) fn queue_reply(&mut self, reply: Reply, part: MessagePart) -> Option<Waker> {
        let Reply { frame, after } = reply;
        self.has_open_message |= part == MessagePart::First;
        // Boxed because almost every reply has nothing to follow it: the queue holds one pointer instead of two vectors.
        self.replies.push(QueuedReply { frame, part, after: after.map(Box::new) });
        self.consumer.take()
    }

    #[must_use]
    pub(super) fn queue_piece(&mut self, frame: Bytes, part: MessagePart) -> Option<Waker> {
        self.has_open_message &= part != MessagePart::Last;
        self.pieces.push(Piece { frame, part });
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
        // A producer that is polled again while parked must not be queued twice.
        if !self.producers.iter().any(|known| known.will_wake(producer)) {
            self.producers.push(producer.clone());
        }
    }

    pub(super) fn purge(&mut self, space: SpaceId) {
        self.events.retain(|event| event.space != Some(space));
        self.ephemeral.retain(|event| event.space != Some(space));
    }

    /// Discards queues and wakers. The flag is true for the first close; a later one changes nothing.
    pub(super) fn close(&mut self, close: Close) -> (bool, Option<Discarded>) {
        if self.closing.is_some() {
            return (false, None);
        }
        // The old state leaves the lock as a whole: freeing megabytes of queued frames under it would block producers.
        let closed =
            Self { closing: Some(close), draining: self.draining, is_signalled: true, ..Self::default() };
        (true, Some(Discarded(std::mem::replace(self, closed))))
    }

    #[must_use]
    pub(super) fn drain(&mut self) -> Option<Waker> {
        self.draining = true;
        self.is_signalled = true;
        self.consumer.take()
    }

    #[must_use]
    pub(super) fn finish(&mut self, close: Close) -> Option<Waker> {
        if self.closing.is_some() {
            return None;
        }
        self.finishing = Some(Box::new(close));
        self.is_signalled = true;
        self.consumer.take()
    }

    /// Readiness of frames is level-triggered, that of a close or drain edge-triggered: otherwise the task would spin while
    /// it flushes the close frame.
    pub(super) fn poll_ready(&mut self, task: &Waker) -> Poll<()> {
        if std::mem::take(&mut self.is_signalled) || !self.is_empty() {
            return Poll::Ready(());
        }
        // Checked and registered under one lock: a frame queued in between would otherwise not wake the task.
        match &mut self.consumer {
            Some(known) => known.clone_from(task),
            unknown @ None => *unknown = Some(task.clone()),
        }
        Poll::Pending
    }

    /// Total size of the replies that are not written yet, in bytes, with everything else that the socket holds.
    pub(super) fn unwritten_replies(&self) -> usize {
        self.unwritten_message() + self.replies.bytes()
    }

    /// The same of the message that is sent in several frames, without its first one while that is queued.
    pub(super) fn unwritten_message(&self) -> usize {
        self.unwritten + self.pieces.bytes()
    }

    /// Removes the next frame, and returns the producers that may now find room.
    pub(super) fn take(&mut self) -> Option<(Outgoing, Vec<Waker>)> {
        let (outgoing, producers) = self.take_next()?;
        self.unwritten += outgoing.frame.len();
        Some((outgoing, producers))
    }

    fn take_next(&mut self) -> Option<(Outgoing, Vec<Waker>)> {
        if self.next == Next::Piece {
            let Piece { frame, part } = self.pieces.pop()?;
            self.next = if part.is_continued() { Next::Piece } else { Next::Event };
            return Some((Outgoing { frame, part, after: None }, Vec::new()));
        }
        if self.next == Next::Event
            && let Some(event) = self.take_event()
        {
            self.next = Next::Reply;
            return Some((event, Vec::new()));
        }
        if let Some(QueuedReply { frame, part, after }) = self.replies.pop() {
            self.next = if part.is_continued() { Next::Piece } else { Next::Event };
            // All producers are woken, not one: their frames differ in size, and the first may still not fit while
            // another does.
            return Some((Outgoing { frame, part, after }, std::mem::take(&mut self.producers)));
        }
        self.take_event().map(|event| (event, Vec::new()))
    }

    /// Durable events precede ephemeral ones: a full durable queue closes the connection, a full ephemeral one does not.
    fn take_event(&mut self) -> Option<Outgoing> {
        let event = self.events.pop().or_else(|| self.ephemeral.pop())?;
        Some(Outgoing { frame: event.frame, part: MessagePart::Whole, after: None })
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("replies", &self.replies.len())
            .field("events", &self.events.len())
            .field("ephemeral", &self.ephemeral.len())
            .field("pieces", &self.pieces.len())
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
