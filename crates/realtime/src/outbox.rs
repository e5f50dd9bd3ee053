//! Everything that waits to be written to one connection (protocol §1.8).
//!
//! Three bounded queues with three answers to being full: whoever owes a reply waits, a durable event that finds no
//! room closes the connection, an ephemeral one pushes out the oldest. Only the connection's own task takes frames
//! out. Anybody may close; a close overtakes and discards what is queued.

mod after_write;
mod queue;
mod state;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use less_sync_core::{Close, SpaceId};
use parking_lot::Mutex;

use crate::limits::Limits;
pub use after_write::{AfterWrite, Gate};
use state::State;

/// Bounds of an outbox. An empty queue takes a frame of any size.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Responses and chunks.
    pub reply_frames: usize,
    /// Responses and chunks, in bytes.
    pub reply_bytes: usize,
    /// Durable events.
    pub event_frames: usize,
    /// Durable events, in bytes.
    pub event_bytes: usize,
    /// Ephemeral events.
    pub ephemeral_frames: usize,
}

impl From<&Limits> for OutboxLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            reply_frames: limits.reply_queue,
            reply_bytes: limits.queue_bytes,
            event_frames: limits.event_queue,
            event_bytes: limits.queue_bytes,
            ephemeral_frames: limits.ephemeral_queue,
        }
    }
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

/// The connection is closing; nothing is queued any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection is closing")]
pub struct Closed;

/// A frame that answers a request.
#[derive(Debug)]
pub struct Reply {
    /// The whole message.
    pub frame: Bytes,
    /// What becomes possible once the frame has been handed to the socket.
    pub after: Option<AfterWrite>,
}

/// A frame whose turn it is.
#[derive(Debug)]
pub struct Outgoing {
    /// The whole message.
    pub frame: Bytes,
    /// To be run once the frame has been handed to the socket.
    pub after: Option<Box<AfterWrite>>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is queued.
    Queued,
    /// It is queued, and the oldest ephemeral event was dropped for it.
    Displaced,
    /// There was no room: the connection is now closing as a slow consumer.
    TooSlow,
    /// The connection was closing already.
    Closed,
}

/// The queues of one connection.
pub struct Outbox {
    limits: OutboxLimits,
    state: Mutex<State>,
}

/// For those who have something to say.
impl Outbox {
    /// An empty outbox. It holds no memory for frames until there are some.
    #[must_use]
    pub fn new(limits: OutboxLimits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// Queues a reply, waiting while there is no room. Cancelled while it waits, it queues nothing.
    ///
    /// # Errors
    /// [`Closed`], also when the connection closes while this waits.
    pub async fn reply(&self, reply: Reply) -> Result<(), Closed> {
        let mut reply = Some(reply);
        poll_fn(|cx| self.poll_reply(cx, &mut reply)).await
    }

    fn poll_reply(&self, cx: &Context<'_>, reply: &mut Option<Reply>) -> Poll<Result<(), Closed>> {
        let parked = {
            let mut state = self.state.lock();
            if state.closing.is_some() {
                return Poll::Ready(Err(Closed));
            }
            let size = reply.as_ref().map_or(0, |reply| reply.frame.len());
            if !state.replies.fits(size, self.limits.reply_frames, self.limits.reply_bytes) {
                state.wait_for_room(cx.waker());
                return Poll::Pending;
            }
            reply.take().and_then(|reply| state.queue_reply(reply))
        };
        wake(parked);
        Poll::Ready(Ok(()))
    }

    /// Queues a reply without waiting, beyond the bounds if need be: for the connection's own task, which would wait
    /// for itself. A closing connection drops it.
    pub fn try_reply(&self, reply: Reply) {
        let parked = {
            let mut state = self.state.lock();
            if state.closing.is_some() { None } else { state.queue_reply(reply) }
        };
        wake(parked);
    }

    /// Queues a durable event of `space`, or of none. Never blocks; a full queue closes the connection with
    /// [`Close::SLOW_CONSUMER`].
    pub fn durable(&self, space: Option<SpaceId>, frame: Bytes) -> Delivered {
        let mut state = self.state.lock();
        if state.closing.is_some() {
            return Delivered::Closed;
        }
        if !state.events.fits(frame.len(), self.limits.event_frames, self.limits.event_bytes) {
            drop(state);
            return if self.close(Close::SLOW_CONSUMER) { Delivered::TooSlow } else { Delivered::Closed };
        }
        let parked = state.queue_event(space, frame);
        drop(state);
        wake(parked);
        Delivered::Queued
    }

    /// Queues an ephemeral event of `space`. Never blocks; a full queue drops its oldest.
    pub fn ephemeral(&self, space: SpaceId, frame: Bytes) -> Delivered {
        let mut state = self.state.lock();
        if state.closing.is_some() {
            return Delivered::Closed;
        }
        let displaced =
            state.ephemeral.len() >= self.limits.ephemeral_frames && state.ephemeral.pop().is_some();
        let parked = state.queue_ephemeral(space, frame);
        drop(state);
        wake(parked);
        if displaced { Delivered::Displaced } else { Delivered::Queued }
    }

    /// Drops the queued events of `space` (protocol G4).
    pub fn purge(&self, space: SpaceId) {
        self.state.lock().purge(space);
    }

    /// Closes the connection; the first close wins. Discards what is queued, wakes whoever waits. True when this was
    /// the first.
    pub fn close(&self, close: Close) -> bool {
        let (first, discarded) = self.state.lock().close(close);
        if let Some(discarded) = discarded {
            discarded.wake_all();
        }
        first
    }

    /// Tells the connection that the server stops. Nothing is discarded.
    pub fn drain(&self) {
        let parked = self.state.lock().drain();
        wake(parked);
    }
}

/// For the connection's own task.
impl Outbox {
    /// Why the connection is to be closed, if it is.
    #[must_use]
    pub fn closing(&self) -> Option<Close> {
        self.state.lock().closing
    }

    /// Whether the server stops.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.lock().draining
    }

    /// Whether no frame is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.lock().is_empty()
    }

    /// Ready while there is a frame to take, and once after [`close`](Self::close) or [`drain`](Self::drain). While
    /// pending, whatever makes it ready wakes the task.
    pub fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        self.state.lock().poll_ready(cx.waker())
    }

    /// The next frame: replies and events in turn, a reply first. None once the connection is closing.
    #[must_use]
    pub fn take(&self) -> Option<Outgoing> {
        let (outgoing, producers) = self.state.lock().take()?;
        producers.into_iter().for_each(Waker::wake);
        Some(outgoing)
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("state", &*self.state.lock()).finish_non_exhaustive()
    }
}

/// Wakes outside of the lock, so that nobody wakes up only to wait for it.
fn wake(parked: Option<Waker>) {
    if let Some(parked) = parked {
        parked.wake();
    }
}

#[cfg(test)]
mod tests;
