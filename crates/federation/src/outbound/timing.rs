//! Timers and bounds of outbound links (federation §22).

use std::ops::RangeInclusive;
use std::time::Duration;

/// Timers and bounds of outbound links; tests shorten them.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboundTiming {
    /// Timeout of a dial, from the look-up of the name to the response of the upgrade.
    pub dial: Duration,
    /// Timeout of `fed.hello`.
    pub hello: Duration,
    /// Maximum wait of a call for a dial in progress (federation PM-4).
    pub dial_wait: Duration,
    /// Time for a whole call: dial and retry included (federation PM-12).
    pub budget: Duration,
    /// Maximum wait of a call for a place among those in flight (federation PM-11).
    pub queue_wait: Duration,
    /// Calls in flight per peer (federation PM-11).
    pub in_flight: usize,
    /// Interval of the keepalive byte.
    pub keepalive: Duration,
    /// Interval of Pings.
    pub ping: Duration,
    /// Time without input after which a link is dead.
    pub dead: Duration,
    /// The same for peers of profile original.
    pub dead_original: Duration,
    /// Age at which a link is replaced by another one (federation §8.4).
    pub renewal: RangeInclusive<Duration>,
    /// Time for the calls on a replaced link.
    pub drain: Duration,
    /// Time without calls after which a link is closed (federation PM-13).
    pub idle: Duration,
    /// First and longest interval of the back-off (federation §8.5).
    pub backoff: RangeInclusive<Duration>,
    /// Shortest delay of the back-off.
    pub backoff_floor: Duration,
    /// Age of a link from which on its end counts as the first failure.
    pub backoff_reset: Duration,
    /// Frames queued for the writer of a link; callers wait for room.
    pub send_queue: usize,
    /// Size of received chunks from which a stream waits for its client, in bytes (federation FW-3).
    pub relay_bytes: usize,
    /// Maximum time from the last byte of a request for a file to the head of its response (federation §13.3).
    pub first_byte: Duration,
    /// Maximum time without progress in the body of a file.
    pub body_idle: Duration,
    /// Largest message that is accepted, in bytes, inclusive (federation CN-1).
    pub max_message: usize,
    /// Largest message that is sent to a peer that announced no other bound, in bytes, inclusive.
    pub max_sent: usize,
}

impl Default for OutboundTiming {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            dial: seconds(10),
            hello: seconds(5),
            dial_wait: seconds(5),
            budget: seconds(25),
            queue_wait: seconds(2),
            in_flight: 256,
            keepalive: seconds(30),
            ping: seconds(25),
            dead: seconds(75),
            dead_original: seconds(600),
            renewal: Duration::from_mins(45)..=Duration::from_mins(50),
            drain: seconds(30),
            idle: Duration::from_mins(5),
            backoff: seconds(1)..=seconds(60),
            backoff_floor: Duration::from_millis(250),
            backoff_reset: seconds(60),
            send_queue: 64,
            relay_bytes: 4 * 1024 * 1024,
            first_byte: seconds(20),
            body_idle: seconds(30),
            max_message: 8 * 1024 * 1024 + 65_536,
            max_sent: 4 * 1024 * 1024,
        }
    }
}
