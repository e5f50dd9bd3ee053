//! Polling of everything that a connection waits for: signals, calls, the socket in both directions, and time.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use less_sync_engine::Job;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Driver;
use super::event::Event;
use crate::batch::Batch;
use crate::cooperation::yield_later;
use crate::socket::Gone;

/// Messages that a connection may handle in a row before other connections have their turn.
const MESSAGES_PER_TURN: u32 = 32;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// The next event. The order is a priority: a close precedes results, results precede reads, so that a peer which sends
    /// faster than its calls finish cannot starve them.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(event) = self.poll_signals() {
            return Poll::Ready(event);
        }
        if let Some(event) = self.work.poll(cx, !self.outbox.has_open_message()) {
            return Poll::Ready(event);
        }
        match self.poll_write(cx) {
            Err(Gone) => return Poll::Ready(Event::Gone),
            Ok(true) => {
                if let Some(close) = self.finishing.take() {
                    return Poll::Ready(Event::Flushed(close));
                }
            }
            Ok(false) => {}
        }
        // Again: a signal that arrived since the first look was consumed by `poll_ready` in `poll_write`, and will not wake
        // the task.
        if let Poll::Ready(event) = self.poll_signals() {
            return Poll::Ready(event);
        }
        if let Poll::Ready(event) = self.poll_read(cx) {
            return Poll::Ready(event);
        }
        self.poll_timer(cx).map(|()| Event::Timer)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if !self.session.can_read() || !self.socket.may_read() {
            return Poll::Pending;
        }
        if self.turn >= MESSAGES_PER_TURN {
            self.turn = 0;
            yield_later(cx);
            return Poll::Pending;
        }
        ready!(self.poll_pause(cx));
        let before = self.socket.received();
        let read = self.socket.poll_read(cx, self.session.free_bytes());
        if let Some(pause) = self.pause_after(self.socket.received() - before) {
            self.pause = Some(pause);
        }
        self.turn = if read.is_ready() { self.turn.saturating_add(1) } else { 0 };
        self.timers.receiving(self.socket.progress(), self.endpoint.clock.as_ref());
        read.map(|read| read.map_or(Event::Gone, Event::Incoming))
    }

    /// Waits for the end of a pause in reading.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// The pause after `bytes` of large messages, if the actor has exceeded its pace (protocol §1.10).
    fn pause_after(&self, bytes: u64) -> Option<Job> {
        let actor = self.permit.as_ref().filter(|_| bytes > 0)?.actor();
        let due = self.endpoint.inbound_pace.count(actor, bytes, self.now())?;
        Some(self.endpoint.clock.sleep_until(due))
    }

    /// A close or drain requested through the outbox. Registers no wakeup: `poll_write` does, for the same lock guards
    /// signals and frames.
    fn poll_signals(&mut self) -> Poll<Event> {
        if self.socket.is_closing() {
            return Poll::Pending;
        }
        if let Some(close) = self.outbox.closing() {
            return Poll::Ready(Event::CloseRequested(close));
        }
        if let Some(close) = self.outbox.take_finish() {
            return Poll::Ready(Event::FinishRequested(close));
        }
        if !self.is_draining && self.outbox.is_draining() {
            self.is_draining = true;
            return Poll::Ready(Event::Draining);
        }
        Poll::Pending
    }

    /// Moves frames from the outbox to the socket. True once none is left; then a new frame wakes the task.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        loop {
            // Only after its frame: events of the new subscriptions enter the outbox behind the response that lists them (G2).
            let (broker, id) = (&self.endpoint.broker, self.id);
            let batch =
                Batch::transfer(&self.outbox, &mut self.socket, |after| broker.response_written(after, id));
            if !self.is_link() {
                self.endpoint.frame_metrics.sent(batch.messages, batch.bytes);
            }
            self.open.traffic.sent(batch.messages, batch.bytes);
            let wrote = self.socket.poll_write(cx);
            // Not after every write: all that was taken is written before the last pass, which takes nothing.
            if batch.is_empty || wrote.is_pending() {
                self.outbox.written_up_to(self.socket.unwritten_bytes());
            }
            match wrote {
                Poll::Ready(Err(gone)) => return Err(gone),
                Poll::Pending => {
                    self.timers.write_stalled(self.socket.frames_written(), self.endpoint.clock.as_ref());
                    return Ok(false);
                }
                Poll::Ready(Ok(())) => self.timers.written(),
            }
            // `poll_ready` registers the wakeup under the lock that guards the queues, and reports a frame queued since
            // `take`. Checked after the write, because an action above may have queued frames.
            if batch.is_empty && (self.socket.is_closing() || self.outbox.poll_ready(cx).is_pending()) {
                return Ok(true);
            }
        }
    }

    /// Time of the next timer: of the session, of a write stall, of a slow message, or of an expiring subscription.
    fn deadline(&self) -> Option<Instant> {
        let first_expiry = self.connection.as_ref().and_then(|connection| connection.first_expiry());
        let own = self.timers.deadline(self.write_timeout());
        [self.session.deadline(), own, first_expiry].into_iter().flatten().min()
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline();
        self.timers.poll(deadline, self.endpoint.clock.as_ref(), cx)
    }
}
