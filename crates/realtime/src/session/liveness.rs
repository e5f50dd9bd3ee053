//! Signs of life in both directions (protocol §1.6).

use std::time::{Duration, Instant};

use crate::limits::Limits;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Our own sign of life.
    Keepalive,
    /// Theirs, for too long.
    Peer,
}

/// When something was heard last and when we speak next.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Duration,
    idle: Option<Duration>,
    next_keepalive: Instant,
    last_heard: Instant,
}

impl Liveness {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            interval: limits.keepalive_interval,
            idle: (!limits.idle_timeout.is_zero()).then_some(limits.idle_timeout),
            next_keepalive: now + limits.keepalive_interval,
            last_heard: now,
        }
    }

    /// The connection is registered: the cadence starts here.
    pub(super) fn begin(&mut self, now: Instant) {
        self.next_keepalive = now + self.interval;
        self.last_heard = now;
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    pub(super) fn deadline(&self) -> Instant {
        self.idle.map_or(self.next_keepalive, |idle| self.next_keepalive.min(self.last_heard + idle))
    }

    /// What is due at `now`; a keepalive that is due counts as sent. A cadence missed several times over is
    /// resumed, not made up for.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Overdue> {
        if self.idle.is_some_and(|idle| now >= self.last_heard + idle) {
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
