//! Bounded outbound queues of one connection (protocol §1.8).
//!
//! Three queues with three overflow policies: a producer of replies waits (backpressure), a durable event without room
//! closes the connection as a slow consumer, an ephemeral event displaces the oldest one. Frames are taken out by the
//! connection's own task only. Any task may close; a close overtakes and discards the queued frames.

mod open_message;
mod queue;
mod reply;
mod state;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use less_sync_core::{Close, SpaceId};
use parking_lot::Mutex;

use crate::limits::Limits;
use crate::message_part::MessagePart;
pub(crate) use open_message::OpenMessage;
pub use reply::{AfterWrite, Outgoing, PendingSubscription, Reply};
use state::State;

/// Bounds of an outbox, inclusive. An empty queue accepts a frame of any size.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Queued responses and chunks.
    pub reply_frames: usize,
    /// Total size of queued responses and chunks, in bytes.
    pub reply_bytes: usize,
    /// Queued durable events.
    pub event_frames: usize,
    /// Total size of queued durable events, in bytes.
    pub event_bytes: usize,
    /// Queued ephemeral events.
    pub ephemeral_frames: usize,
}

impl From<&Limits> for OutboxLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            reply_frames: limits.reply_queue,
            reply_bytes: limits.reply_bytes,
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

/// Error for frames that are offered to a closing connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection is closing")]
pub struct Closed;

/// Outcome of queueing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The event is queued.
    Queued,
    /// The event is queued; the oldest ephemeral event was dropped.
    Displaced,
    /// The queue was full: the connection is now closing as a slow consumer.
    TooSlow,
    /// The queue was full, and the connection is one that loses events: the event is dropped.
    Lost,
    /// The connection was already closing; the event is dropped.
    Closed,
}

/// The queues of one connection.
pub struct Outbox {
    limits: OutboxLimits,
    state: Mutex<State>,
    /// Total size of the events that subscriptions buffer for outstanding responses, in bytes.
    buffered: AtomicUsize,
    /// True: a durable event without room is dropped instead of closing the connection.
    is_lossy: AtomicBool,
    /// True: ephemeral events are dropped.
    refuses_ephemeral: AtomicBool,
    /// True: presence that has not changed is left out.
    skips_heartbeats: AtomicBool,
}

/// Producers.
impl Outbox {
    /// An empty outbox, without memory for frames.
    #[must_use]
    pub fn new(limits: OutboxLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
            buffered: AtomicUsize::new(0),
            is_lossy: AtomicBool::new(false),
            refuses_ephemeral: AtomicBool::new(false),
            skips_heartbeats: AtomicBool::new(false),
        })
    }

    /// Queues a reply, waiting while the queue is full. A cancelled wait queues nothing.
    ///
    /// # Errors
    /// [`Closed`], also when the connection closes during the wait.
    pub async fn reply(&self, reply: Reply) -> Result<(), Closed> {
        self.reply_part(reply, MessagePart::Whole).await
    }

    async fn reply_part(&self, reply: Reply, part: MessagePart) -> Result<(), Closed> {
        let mut reply = Some(reply);
        poll_fn(|cx| self.poll_reply(cx, &mut reply, part)).await
    }

    fn poll_reply(
        &self,
        cx: &Context<'_>,
        reply: &mut Option<Reply>,
        part: MessagePart,
    ) -> Poll<Result<(), Closed>> {
        let parked = {
            let mut state = self.state.lock();
            if state.closing.is_some() {
                return Poll::Ready(Err(Closed));
            }
            let size = reply.as_ref().map_or(0, Reply::size);
            let is_blocked = part == MessagePart::First && state.has_open_message;
            if is_blocked || !state.replies.fits(size, self.limits.reply_frames, self.limits.reply_bytes) {
                state.wait_for_room(cx.waker());
                return Poll::Pending;
            }
            reply.take().and_then(|reply| state.queue_reply(reply, part))
        };
        wake(parked);
        Poll::Ready(Ok(()))
    }

    /// Waits until what is queued and what the socket has not written is at most half of a full reply queue, or the
    /// connection closes: a producer loads more only for a peer that reads.
    pub async fn reply_room(&self) {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            let (frames, bytes) = (self.limits.reply_frames / 2, self.limits.reply_bytes / 2);
            let has_room = state.replies.len() <= frames && state.unwritten_replies() <= bytes;
            if state.closing.is_some() || has_room {
                return Poll::Ready(());
            }
            state.wait_for_room(cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Queues a reply without waiting, beyond the bounds if necessary: for the connection's own task, whose wait would
    /// deadlock because no other task makes room. A closing connection drops the reply.
    pub fn try_reply(&self, reply: Reply) {
        let parked = {
            let mut state = self.state.lock();
            if state.closing.is_some() { None } else { state.queue_reply(reply, MessagePart::Whole) }
        };
        wake(parked);
    }

    /// Sets whether durable events without room are dropped, for a server that does not read between its calls (federation
    /// CN-7), instead of closing the connection.
    pub(crate) fn set_lossy(&self, is_lossy: bool) {
        self.is_lossy.store(is_lossy, Ordering::Relaxed);
    }

    /// Sets whether another server at the other end is sent presence and ephemeral events (federation §15).
    pub(crate) fn relay_ephemeral(&self, is_relayed: bool) {
        self.refuses_ephemeral.store(!is_relayed, Ordering::Relaxed);
        self.skips_heartbeats.store(true, Ordering::Relaxed);
    }

    /// Returns true when the connection is sent presence that has not changed.
    pub(crate) fn takes_heartbeats(&self) -> bool {
        !self.skips_heartbeats.load(Ordering::Relaxed)
    }

    /// Queues a durable event of `space`, or of no space. Never blocks; a full queue closes the connection with
    /// [`Close::SLOW_CONSUMER`], unless the connection is one that loses events.
    pub fn durable(&self, space: Option<SpaceId>, frame: Bytes) -> Delivered {
        let mut state = self.state.lock();
        if state.closing.is_some() {
            return Delivered::Closed;
        }
        if !state.events.fits(frame.len(), self.limits.event_frames, self.limits.event_bytes) {
            if self.is_lossy.load(Ordering::Relaxed) {
                return Delivered::Lost;
            }
            // `close` takes the lock itself. A close that comes first in between wins, so this may not be the first.
            drop(state);
            return if self.close(Close::SLOW_CONSUMER) { Delivered::TooSlow } else { Delivered::Closed };
        }
        let parked = state.queue_event(space, frame);
        drop(state);
        wake(parked);
        Delivered::Queued
    }

    /// Queues an ephemeral event of `space`. Never blocks; a full queue drops its oldest. A link without the
    /// feature loses all of them.
    pub fn ephemeral(&self, space: SpaceId, frame: Bytes) -> Delivered {
        if self.refuses_ephemeral.load(Ordering::Relaxed) {
            return Delivered::Lost;
        }
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

    /// Counts `bytes` of an event that a subscription buffers until its response is written; false beyond the bound of the
    /// queue of durable events, which all subscriptions of the connection share.
    pub(crate) fn try_buffer(&self, bytes: usize) -> bool {
        let within =
            |buffered: usize| buffered.checked_add(bytes).filter(|sum| *sum <= self.limits.event_bytes);
        self.buffered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    /// Uncounts `bytes` of buffered events.
    pub(crate) fn unbuffer(&self, bytes: usize) {
        self.buffered.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Drops the queued events of `space` (protocol G4).
    pub fn purge(&self, space: SpaceId) {
        self.state.lock().purge(space);
    }

    /// Closes the connection; the first close wins. Discards queued frames and wakes all waiting tasks. True for the first
    /// close.
    pub fn close(&self, close: Close) -> bool {
        let (first, discarded) = self.state.lock().close(close);
        if let Some(discarded) = discarded {
            discarded.wake_all();
        }
        first
    }

    /// Closes the connection once the frames that are queued have been written, or after a second (federation §5.5).
    pub fn finish(&self, close: Close) {
        let parked = self.state.lock().finish(close);
        wake(parked);
    }

    /// Signals the connection that the server stops. Nothing is discarded.
    pub fn drain(&self) {
        let parked = self.state.lock().drain();
        wake(parked);
    }
}

/// Consumer: the connection's own task.
impl Outbox {
    /// Sizes of the queues of replies, durable events and ephemeral events, in bytes.
    pub(crate) fn queued_bytes(&self) -> [usize; 3] {
        let state = self.state.lock();
        [state.replies.bytes() + state.pieces.bytes(), state.events.bytes(), state.ephemeral.bytes()]
    }

    /// Requested close of the connection.
    #[must_use]
    pub fn closing(&self) -> Option<Close> {
        self.state.lock().closing
    }

    /// Close after the queued frames, once after [`Outbox::finish`].
    pub(crate) fn take_finish(&self) -> Option<Close> {
        self.state.lock().finishing.take().map(|close| *close)
    }

    /// True once the server stops.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.lock().draining
    }

    /// True while a message of several frames is not queued to its end: its stream may not be dropped.
    pub(crate) fn has_open_message(&self) -> bool {
        self.state.lock().has_open_message
    }

    /// True while no frame is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.lock().is_empty()
    }

    /// Ready while a frame is queued, and once after [`close`](Self::close) or [`drain`](Self::drain). A pending call
    /// registers the task for a wakeup.
    pub fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        self.state.lock().poll_ready(cx.waker())
    }

    /// Records that `unwritten` bytes of the frames taken so far are not written yet.
    pub fn written_up_to(&self, unwritten: usize) {
        let producers = {
            let mut state = self.state.lock();
            let is_less = unwritten < state.unwritten;
            state.unwritten = unwritten;
            if is_less { std::mem::take(&mut state.producers) } else { Vec::new() }
        };
        producers.into_iter().for_each(Waker::wake);
    }

    /// Removes the next frame: replies and events alternate, a reply first. `None` once the connection is closing.
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

/// Wakes a parked task. Called after the lock is released: a task woken under the lock would block on it at once.
fn wake(parked: Option<Waker>) {
    if let Some(parked) = parked {
        parked.wake();
    }
}

#[cfg(test)]
mod tests;
