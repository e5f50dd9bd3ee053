//! What a connection is doing, as far as its timeouts depend on it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// From the first byte of a request to the end of its headers; and from the accept to the first request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two requests, while nothing moves.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

const EXPECTING: u8 = 0;
const READING: u8 = 1;
const BUSY: u8 = 2;
const RESTING: u8 = 3;
const SENDING: u8 = 4;

/// Shared by the socket, which sees bytes move, and the service, which sees requests come and go. Both run in the
/// task of the connection; atomics only because the compiler cannot know that.
#[derive(Debug)]
pub(super) struct Activity {
    origin: Instant,
    phase: AtomicU8,
    used: AtomicBool,
    /// When the phase began, or something last moved while resting or sending; nanoseconds after `origin`.
    since: AtomicU64,
    /// How long a body may stand still that is being sent (http §7.6).
    patience: Duration,
}

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No request came at all.
    Silent,
    /// A request began and its headers do not end.
    Headers,
    /// The connection was kept alive long enough.
    KeepAlive,
    /// Nobody takes the body that is being sent.
    Stalled,
}

impl Activity {
    /// A connection that was accepted at `now`; bodies that are sent may stand still for `patience`.
    pub(super) fn new(now: Instant, patience: Duration) -> Self {
        Self {
            origin: now,
            phase: AtomicU8::new(EXPECTING),
            used: AtomicBool::new(false),
            since: AtomicU64::new(0),
            patience,
        }
    }

    /// Whether there has not been a request yet.
    pub(super) fn is_unused(&self) -> bool {
        !self.used.load(Ordering::Relaxed)
    }

    /// Bytes came in. `now` is asked for only if it matters.
    pub(super) fn read(&self, now: impl FnOnce() -> Instant) {
        match self.phase.load(Ordering::Relaxed) {
            EXPECTING => self.phase.store(READING, Ordering::Relaxed),
            RESTING => self.enter(READING, now()),
            _ => {}
        }
    }

    /// Bytes went out.
    pub(super) fn wrote(&self, now: impl FnOnce() -> Instant) {
        if let phase @ (RESTING | SENDING) = self.phase.load(Ordering::Relaxed) {
            self.enter(phase, now());
        }
    }

    /// A request is complete but for its body.
    pub(super) fn request(&self, now: Instant) {
        self.used.store(true, Ordering::Relaxed);
        self.enter(BUSY, now);
    }

    /// The head of its answer is on the way, and a body that is made while it is sent.
    pub(super) fn sending(&self, now: Instant) {
        self.enter(SENDING, now);
    }

    /// Its answer is on the way, all of it.
    pub(super) fn answered(&self, now: Instant) {
        self.enter(RESTING, now);
    }

    /// When the connection becomes overdue if nothing moves, and for what.
    pub(super) fn deadline(&self) -> Option<(Instant, Overdue)> {
        let since = self.origin + Duration::from_nanos(self.since.load(Ordering::Relaxed));
        match self.phase.load(Ordering::Relaxed) {
            EXPECTING => Some((since + HEADER_TIMEOUT, Overdue::Silent)),
            READING => Some((since + HEADER_TIMEOUT, Overdue::Headers)),
            RESTING => Some((since + KEEP_ALIVE, Overdue::KeepAlive)),
            SENDING => Some((since + self.patience, Overdue::Stalled)),
            _ => None,
        }
    }

    fn enter(&self, phase: u8, now: Instant) {
        let since = now.saturating_duration_since(self.origin).as_nanos();
        self.since.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(30);

    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn start() -> Instant {
        Instant::now()
    }

    /// H13.
    #[test]
    fn a_slow_head_does_not_buy_time_with_each_byte() {
        let accepted = start();
        let activity = Activity::new(accepted, PATIENCE);
        assert_eq!(activity.deadline(), Some((accepted + HEADER_TIMEOUT, Overdue::Silent)));
        for seconds in 1..9 {
            activity.read(|| accepted + seconds * SECOND);
            assert_eq!(activity.deadline(), Some((accepted + HEADER_TIMEOUT, Overdue::Headers)));
        }
    }

    #[test]
    fn a_request_that_is_served_has_no_deadline_here() {
        let accepted = start();
        let activity = Activity::new(accepted, PATIENCE);
        activity.request(accepted + SECOND);
        activity.read(|| accepted + 2 * SECOND);
        activity.wrote(|| accepted + 2 * SECOND);
        assert_eq!(activity.deadline(), None);
    }

    /// http §7.6.
    #[test]
    fn a_body_that_is_sent_must_move() {
        let accepted = start();
        let activity = Activity::new(accepted, PATIENCE);
        activity.request(accepted);
        activity.sending(accepted + SECOND);
        assert_eq!(activity.deadline(), Some((accepted + SECOND + PATIENCE, Overdue::Stalled)));
        activity.wrote(|| accepted + 9 * SECOND);
        activity.read(|| accepted + 10 * SECOND);
        assert_eq!(activity.deadline(), Some((accepted + 9 * SECOND + PATIENCE, Overdue::Stalled)));
        activity.answered(accepted + 20 * SECOND);
        assert_eq!(activity.deadline(), Some((accepted + 20 * SECOND + KEEP_ALIVE, Overdue::KeepAlive)));
    }

    #[test]
    fn an_idle_connection_is_kept_alive_for_a_while_after_the_last_byte() {
        let accepted = start();
        let activity = Activity::new(accepted, PATIENCE);
        activity.request(accepted);
        activity.answered(accepted + SECOND);
        activity.wrote(|| accepted + 2 * SECOND);
        assert_eq!(activity.deadline(), Some((accepted + 2 * SECOND + KEEP_ALIVE, Overdue::KeepAlive)));
        activity.read(|| accepted + 30 * SECOND);
        assert_eq!(activity.deadline(), Some((accepted + 30 * SECOND + HEADER_TIMEOUT, Overdue::Headers)));
    }
}
