//! Rate of presence and event frames: beyond it the newest of each space and kind waits (protocol §1.10).

use std::time::Instant;

use super::deferred::Deferred;
use super::rate::{AbuseMeter, TokenBucket};
use crate::call::Call;
use crate::limits::Limits;

/// Ephemeral frames of one connection.
#[derive(Debug)]
pub(super) struct Ephemeral {
    rate: TokenBucket,
    abuse: AbuseMeter,
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
            abuse: AbuseMeter::new(limits.ephemeral_rate, now),
            deferred: Deferred::default(),
            deferred_until: now,
            superseded: 0,
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
