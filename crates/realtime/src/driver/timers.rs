//! Timers of a connection: write stall, least rate of a large message, and the sleep until the next deadline.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use less_sync_engine::{Clock, Job};

/// Period over which the rate of a large message is averaged.
const RECEIVE_PERIOD: Duration = Duration::from_secs(30);

/// Least bytes of a large message per [`RECEIVE_PERIOD`].
const RECEIVE_LEAST: u64 = 128 * 1024;

/// State of the timers that the session does not keep.
#[derive(Default)]
pub(super) struct Timers {
    /// Pending sleep and its deadline.
    sleep: Option<(Instant, Job)>,
    /// Start of the current write stall, and the number of frames written before it.
    stalled: Option<(Instant, u64)>,
    /// Start of the current period for the least rate of a large inbound message, and the bytes received before it.
    receiving: Option<(Instant, u64)>,
}

/// Arrival of a large message, as of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// No message is arriving, or nothing of it has arrived in this period.
    None,
    /// Bytes have arrived: the peer is not idle.
    Progress,
    /// Fewer bytes than the least rate arrived in a period.
    TooSlow,
}

impl Timers {
    /// Starts the write timeout, or restarts it if a frame was completed since. Progress within one frame does not count: a
    /// peer that reads a byte at a time would hold the memory of its queues forever.
    pub(super) fn write_stalled(&mut self, frames_written: u64, clock: &dyn Clock) {
        if self.stalled.is_none_or(|(_, before)| before != frames_written) {
            self.stalled = Some((clock.instant(), frames_written));
        }
    }

    /// Ends the write timeout.
    pub(super) fn written(&mut self) {
        self.stalled = None;
    }

    /// True if a write has stalled for `timeout`.
    pub(super) fn is_stalled(&self, now: Instant, timeout: Duration) -> bool {
        self.stalled.is_some_and(|(since, _)| now >= since + timeout)
    }

    /// Starts the period for the least rate of a large message, which ends with the message. `received`: its bytes so far.
    pub(super) fn receiving(&mut self, received: Option<u64>, clock: &dyn Clock) {
        match (received, self.receiving) {
            (Some(received), None) => self.receiving = Some((clock.instant(), received)),
            (None, Some(_)) => self.receiving = None,
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Compares the bytes of a large message with the least rate, and starts the next period at the end of one.
    pub(super) fn arrival(&mut self, received: Option<u64>, now: Instant) -> Arrival {
        let (Some((since, before)), Some(received)) = (self.receiving, received) else {
            return Arrival::None;
        };
        if now < since + RECEIVE_PERIOD {
            return if received > before { Arrival::Progress } else { Arrival::None };
        }
        if received - before < RECEIVE_LEAST {
            return Arrival::TooSlow;
        }
        self.receiving = Some((now, received));
        Arrival::Progress
    }

    /// Time of the next timer.
    pub(super) fn deadline(&self, write_timeout: Duration) -> Option<Instant> {
        let stall = self.stalled.map(|(since, _)| since + write_timeout);
        let receiving = self.receiving.map(|(since, _)| since + RECEIVE_PERIOD);
        [stall, receiving].into_iter().flatten().min()
    }

    /// Ready once `deadline` has passed. The sleep is replaced only by an earlier one: deadlines move later with every
    /// message, and a premature wakeup is cheaper than a new timer per message.
    pub(super) fn poll(
        &mut self,
        deadline: Option<Instant>,
        clock: &dyn Clock,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.sleep.as_ref().is_none_or(|(at, _)| *at > deadline) {
            self.sleep = Some((deadline, clock.sleep_until(deadline)));
        }
        let Some((_, sleep)) = &mut self.sleep else { return Poll::Pending };
        let fired = sleep.as_mut().poll(cx);
        if fired.is_ready() {
            self.sleep = None;
        }
        fired
    }
}
