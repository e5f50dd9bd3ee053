//! Rate of presence and event frames: beyond it the newest of each space and kind waits (protocol §1.10).

use std::time::Instant;

use super::deferred::Deferred;
use super::rate::{AbuseMeter, TokenBucket};
use crate::call::Call;
use crate::limits::Limits;

/// Receivers of a frame that cost nothing: as many as may be present in a space, and some more.
const FREE_RECEIVERS: usize = 128;

/// Receivers beyond those that cost as much as a frame. Queueing takes 0.4 µs for each, so that a connection at the default rate
/// takes less than half of a core for its fan-out, whatever the number of its receivers.
const RECEIVERS_PER_FRAME: usize = 32;

/// Frames per second that every fan-out leaves: a pointer is drawn 60 to 120 times per second.
const LEAST_RATE: u32 = 240;

/// Ephemeral frames of one connection.
#[derive(Debug)]
pub(super) struct Ephemeral {
    rate: TokenBucket,
    abuse: AbuseMeter,
    /// Maximum of what a frame is charged for its receivers, so that [`LEAST_RATE`] is left.
    max_charge: u32,
    /// Frames beyond the rate, and the time at which the next one may run.
    deferred: Deferred,
    deferred_until: Instant,
    /// Frames lost to newer ones since [`Ephemeral::take_superseded`].
    superseded: u64,
}

impl Ephemeral {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            rate: TokenBucket::new(limits.ephemeral_rate, limits.ephemeral_burst, now),
            max_charge: (limits.ephemeral_rate / LEAST_RATE).saturating_sub(1),
            abuse: AbuseMeter::new(limits.ephemeral_rate, now),
            deferred: Deferred::default(),
            deferred_until: now,
            superseded: 0,
        }
    }

    /// Charges a frame that ran for its `receivers` beyond [`FREE_RECEIVERS`].
    pub(super) fn charge(&mut self, now: Instant, receivers: usize) {
        let excess = receivers.saturating_sub(FREE_RECEIVERS) / RECEIVERS_PER_FRAME;
        let excess = u32::try_from(excess).unwrap_or(u32::MAX).min(self.max_charge);
        if excess > 0 {
            self.rate.charge(now, excess);
        }
    }

    /// Counts a frame; true if the peer ignores the rate for so long that it is closed.
    pub(super) fn is_abused(&mut self, now: Instant) -> bool {
        self.abuse.count(now)
    }

    /// Returns `call` if it may run at once, else queues it in place of an older one.
    pub(super) fn admit(&mut self, now: Instant, call: Call) -> Option<Call> {
        if self.deferred.is_empty() && self.rate.try_take(now) {
            return Some(call);
        }
        self.superseded += self.deferred.add(call);
        None
    }

    /// Takes the next waiting call that the rate admits by now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Call> {
        if self.deferred.is_empty() {
            return None;
        }
        if !self.rate.try_take(now) {
            self.deferred_until = self.rate.next_at(now);
            return None;
        }
        self.deferred.pop()
    }

    /// Time at which the next waiting call may run.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.deferred.is_empty()).then_some(self.deferred_until)
    }

    /// Number of frames that newer ones have replaced since the last call.
    pub(super) fn take_superseded(&mut self) -> u64 {
        std::mem::take(&mut self.superseded)
    }
}
