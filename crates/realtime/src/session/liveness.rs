//! Keepalive (heartbeat) interval and idle timeout (protocol §1.6).

use std::time::{Duration, Instant};

use crate::limits::Limits;

/// Expired liveness timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The server's keepalive is due.
    Keepalive,
    /// The peer was silent for longer than the idle timeout.
    Peer,
}

/// Times of the last received message and of the next keepalive.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Duration,
    idle: Option<Duration>,
    next_keepalive: Instant,
    last_received: Instant,
}

impl Liveness {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            interval: limits.keepalive_interval,
            idle: (!limits.idle_timeout.is_zero()).then_some(limits.idle_timeout),
            next_keepalive: now + limits.keepalive_interval,
            last_received: now,
        }
    }

    /// Replaces the idle timeout.
    pub(super) fn set_idle(&mut self, idle: Duration) {
        self.idle = (!idle.is_zero()).then_some(idle);
    }

    /// Starts the cadence, once the connection is registered.
    pub(super) fn begin(&mut self, now: Instant) {
        self.next_keepalive = now + self.interval;
        self.last_received = now;
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub(super) fn deadline(&self) -> Instant {
        self.idle.map_or(self.next_keepalive, |idle| self.next_keepalive.min(self.last_received + idle))
    }

    /// The timer that has expired at `now`; a due keepalive counts as sent. Missed keepalives are not made up for: the
    /// cadence resumes with the next one.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Overdue> {
        if self.idle.is_some_and(|idle| now >= self.last_received + idle) {
            return Some(Overdue::Peer);
        }
        if now < self.next_keepalive {
            return None;
        }
        self.next_keepalive += self.interval;
        if self.next_keepalive <= now {
            self.next_keepalive = now + self.interval;
        }
        Some(Overdue::Keepalive)
    }
}
