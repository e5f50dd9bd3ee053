//! Pace of the bytes of large messages per actor (protocol §1.10).
//!
//! To receive 5 MiB takes two milliseconds of a core, and costs its sender no more. Without a pace the large messages of one
//! user take all of the memory bandwidth and, with their copies in the kernel, both cores of a small machine; others then wait for
//! the scheduler of the system, whatever the server does.

use std::time::{Duration, Instant};

use crate::pace::Pace;

/// Bytes per second of one actor on all its connections together: twice what a network of 1 Gbit/s carries, and a tenth of what
/// a core receives.
const RATE: u64 = 256 * 1024 * 1024;

/// Bytes that are received at once after a pause. A burst is over in 25 ms.
const BURST: u64 = 64 * 1024 * 1024;

/// Maximum delay of a read. Longer ones do not occur: a connection reads no more until its turn is over.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Schedules of received bytes.
#[derive(Debug)]
pub(crate) struct InboundPace(Pace);

impl InboundPace {
    pub(crate) fn new() -> Self {
        Self(Pace::new(cost(BURST), MAX_DELAY))
    }

    /// Counts `bytes` that were received of `actor` by `now`. Returns the time until which its connection is not read, `None` if
    /// reading goes on.
    pub(crate) fn count(&self, actor: u64, bytes: u64, now: Instant) -> Option<Instant> {
        self.0.count(actor, cost(bytes), now)
    }
}

/// Time that `bytes` take at the rate.
fn cost(bytes: u64) -> Duration {
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: u64 = 256 * 1024;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as an origin")]
    fn bytes_beyond_the_burst_take_turns_on_all_connections_of_the_actor() {
        let (pace, mut now) = (InboundPace::new(), Instant::now());
        let start = now;
        for _ in 0..BURST / PIECE {
            assert_eq!(pace.count(1, PIECE, now), None);
        }
        let mut received = 0;
        while received < RATE {
            now = pace.count(1, PIECE, now).unwrap();
            received += PIECE;
        }
        let late = now.duration_since(start).abs_diff(Duration::from_secs(1));
        assert!(late < Duration::from_millis(1), "{late:?}");
        assert_eq!(pace.count(1, PIECE, now + Duration::from_secs(1)), None, "a pause restores the burst");
    }
}
