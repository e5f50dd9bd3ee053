//! Phase of an HTTP/1.1 connection and the timeout that applies in it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::send_rate::SendRate;

/// Maximum time from the first byte of a request to the end of its headers, and from the accept to the first byte.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time beyond the announced idle time for which a connection is kept: a request that the client sent within the announced
/// time may still be on its way.
const LINGER: Duration = Duration::from_secs(5);

/// Accepted, no byte received yet.
const UNUSED: u8 = 0;
/// Request headers incomplete.
const READING_HEADERS: u8 = 1;
/// Request in the handler; the handler has timeouts of its own.
const HANDLING: u8 = 2;
/// Between two requests.
const IDLE: u8 = 3;
/// Response body streaming.
const SENDING_BODY: u8 = 4;

/// Activity of one connection, reported by the socket (bytes) and by the service (requests).
///
/// Both run in the task of the connection, so relaxed atomics suffice; atomics are there only because the types must be
/// `Sync`. Time is kept as the start of a phase plus a fixed timeout: reporting a byte costs one load in most phases and
/// does not read the clock.
#[derive(Debug)]
pub(super) struct Activity {
    origin: Instant,
    phase: AtomicU8,
    used: AtomicBool,
    /// Start of the phase, or the last byte moved while idle or sending; nanoseconds after `origin`.
    since: AtomicU64,
    timeouts: Timeouts,
    /// Rate at which the client takes what is sent; uncontended like the atomics.
    rate: Mutex<SendRate>,
}

/// Timeouts of connections that are configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// Announced idle time between two requests (`HTTP_IDLE_TIMEOUT`).
    pub(super) idle: Duration,
    /// Maximum time without progress while a response body is sent (http §7.6).
    pub(super) body: Duration,
    /// Minimum rate in bytes per second at which a client takes responses.
    pub(super) min_rate: u64,
}

/// Timeout that closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeoutKind {
    /// No byte received since the accept.
    FirstByte,
    /// Request headers incomplete.
    Headers,
    /// Idle between two requests.
    KeepAlive,
    /// No progress while a response body is sent.
    ResponseBody,
    /// Response taken below the minimum rate.
    SendRate,
}

impl Activity {
    /// Activity of a connection accepted at `now`.
    pub(super) fn new(now: Instant, timeouts: Timeouts) -> Self {
        Self {
            origin: now,
            phase: AtomicU8::new(UNUSED),
            used: AtomicBool::new(false),
            since: AtomicU64::new(0),
            timeouts,
            rate: Mutex::new(SendRate::at_least(timeouts.min_rate)),
        }
    }

    /// True until the first complete request.
    pub(super) fn is_unused(&self) -> bool {
        !self.used.load(Ordering::Relaxed)
    }

    /// Records received bytes. `now` is called only if the deadline changes.
    pub(super) fn read(&self, now: impl FnOnce() -> Instant) {
        match self.phase.load(Ordering::Relaxed) {
            // `since` stays at the accept, so a client that trickles header bytes gains no time.
            UNUSED => self.phase.store(READING_HEADERS, Ordering::Relaxed),
            IDLE => self.enter(READING_HEADERS, now()),
            _ => {}
        }
    }

    /// Records `bytes` sent bytes. `now` is called only if the deadline changes.
    pub(super) fn wrote(&self, bytes: usize, now: impl FnOnce() -> Instant) {
        if let phase @ (IDLE | SENDING_BODY) = self.phase.load(Ordering::Relaxed) {
            let now = now();
            self.rate.lock().wrote(bytes as u64, now);
            self.enter(phase, now);
        }
    }

    /// Records that the client takes no bytes at the moment. `now` is called only if the deadline changes.
    pub(super) fn blocked(&self, now: impl FnOnce() -> Instant) {
        if let IDLE | SENDING_BODY = self.phase.load(Ordering::Relaxed) {
            self.rate.lock().blocked(now);
        }
    }

    /// Judges the rate of a client at the deadline of [`TimeoutKind::SendRate`]; true if the connection has to end.
    pub(super) fn is_too_slow(&self, now: Instant) -> bool {
        self.rate.lock().is_too_slow(now)
    }

    /// Records the end of the request headers.
    pub(super) fn request(&self, now: Instant) {
        self.used.store(true, Ordering::Relaxed);
        self.enter(HANDLING, now);
    }

    /// Records the response headers of a streamed body.
    pub(super) fn sending(&self, now: Instant) {
        self.enter(SENDING_BODY, now);
    }

    /// Records the end of the response.
    pub(super) fn responded(&self, now: Instant) {
        self.enter(IDLE, now);
    }

    /// Deadline without further activity, and the timeout that is behind it. `None` while a request is handled.
    pub(super) fn deadline(&self) -> Option<(Instant, TimeoutKind)> {
        let phase = self.phase_deadline()?;
        let rate = self.rate.lock().deadline().map(|at| (at, TimeoutKind::SendRate));
        Some(rate.filter(|(at, _)| *at < phase.0).unwrap_or(phase))
    }

    fn phase_deadline(&self) -> Option<(Instant, TimeoutKind)> {
        let since = self.origin + Duration::from_nanos(self.since.load(Ordering::Relaxed));
        match self.phase.load(Ordering::Relaxed) {
            UNUSED => Some((since + HEADER_TIMEOUT, TimeoutKind::FirstByte)),
            READING_HEADERS => Some((since + HEADER_TIMEOUT, TimeoutKind::Headers)),
            IDLE => Some((since + self.timeouts.idle + LINGER, TimeoutKind::KeepAlive)),
            SENDING_BODY => Some((since + self.timeouts.body, TimeoutKind::ResponseBody)),
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
    const BODY_TIMEOUT: Duration = Duration::from_secs(30);
    const KEEP_ALIVE: Duration = Duration::from_secs(75 + 5);
    const TIMEOUTS: Timeouts = Timeouts { idle: Duration::from_secs(75), body: BODY_TIMEOUT, min_rate: 100 };

    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn start() -> Instant {
        Instant::now()
    }

    /// H13.
    #[test]
    fn slow_headers_do_not_extend_their_deadline() {
        let accepted = start();
        let activity = Activity::new(accepted, TIMEOUTS);
        assert_eq!(activity.deadline(), Some((accepted + HEADER_TIMEOUT, TimeoutKind::FirstByte)));
        for seconds in 1..9 {
            activity.read(|| accepted + seconds * SECOND);
            assert_eq!(activity.deadline(), Some((accepted + HEADER_TIMEOUT, TimeoutKind::Headers)));
        }
    }

    #[test]
    fn request_in_a_handler_has_no_deadline_here() {
        let accepted = start();
        let activity = Activity::new(accepted, TIMEOUTS);
        activity.request(accepted + SECOND);
        activity.read(|| accepted + 2 * SECOND);
        activity.wrote(1, || accepted + 2 * SECOND);
        assert_eq!(activity.deadline(), None);
    }

    /// http §7.6.
    #[test]
    fn response_body_must_make_progress() {
        let accepted = start();
        let activity = Activity::new(accepted, TIMEOUTS);
        activity.request(accepted);
        activity.sending(accepted + SECOND);
        assert_eq!(activity.deadline(), Some((accepted + SECOND + BODY_TIMEOUT, TimeoutKind::ResponseBody)));
        activity.wrote(1, || accepted + 9 * SECOND);
        activity.read(|| accepted + 10 * SECOND);
        assert_eq!(
            activity.deadline(),
            Some((accepted + 9 * SECOND + BODY_TIMEOUT, TimeoutKind::ResponseBody))
        );
        activity.responded(accepted + 20 * SECOND);
        assert_eq!(activity.deadline(), Some((accepted + 20 * SECOND + KEEP_ALIVE, TimeoutKind::KeepAlive)));
    }

    #[test]
    fn idle_connection_is_kept_alive_after_the_last_byte() {
        let accepted = start();
        let activity = Activity::new(accepted, TIMEOUTS);
        activity.request(accepted);
        activity.responded(accepted + SECOND);
        activity.wrote(1, || accepted + 2 * SECOND);
        assert_eq!(activity.deadline(), Some((accepted + 2 * SECOND + KEEP_ALIVE, TimeoutKind::KeepAlive)));
        activity.read(|| accepted + 30 * SECOND);
        assert_eq!(
            activity.deadline(),
            Some((accepted + 30 * SECOND + HEADER_TIMEOUT, TimeoutKind::Headers))
        );
    }

    #[test]
    fn client_that_takes_a_response_too_slowly_is_timed_out() {
        let accepted = start();
        let activity = Activity::new(accepted, TIMEOUTS);
        activity.request(accepted);
        activity.sending(accepted);
        let mut now = accepted;
        for enough in [true, false] {
            activity.wrote(if enough { 3000 } else { 2900 }, || now);
            for _ in 0..2 {
                activity.blocked(|| now);
                now += 13 * SECOND;
                activity.wrote(1, || now);
            }
            activity.blocked(|| now);
            now += 4 * SECOND;
            assert_eq!(activity.deadline(), Some((now, TimeoutKind::SendRate)));
            assert_eq!(activity.is_too_slow(now), !enough);
        }
    }
}
