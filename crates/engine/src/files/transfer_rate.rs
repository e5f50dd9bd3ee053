//! Minimum rate of a transfer, averaged over windows of the time spent waiting for the peer (http §7.6).

use std::time::Duration;

/// Waiting time over which the rate of a transfer is averaged.
pub const RATE_WINDOW: Duration = Duration::from_secs(30);

/// Bytes that a transfer moved, and time that it waited for its peer, in the current window.
///
/// A window is [`RATE_WINDOW`] of waiting. Time spent in the object store or the database does not count, since the peer
/// cannot shorten it.
#[derive(Clone, Copy, Debug)]
pub struct TransferRate {
    /// Minimum rate in bytes per second, inclusive; 0 accepts any rate.
    minimum: u64,
    moved: u64,
    waited: Duration,
}

impl TransferRate {
    /// Account of a transfer that has to move at least `minimum` bytes per second.
    #[must_use]
    pub const fn at_least(minimum: u64) -> Self {
        Self { minimum, moved: 0, waited: Duration::ZERO }
    }

    /// Adds transferred bytes.
    pub fn moved(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
    }

    /// Waiting time left in the current window.
    #[must_use]
    pub const fn left(&self) -> Duration {
        RATE_WINDOW.saturating_sub(self.waited)
    }

    /// Adds waiting time. Returns false if it ends a window in which too few bytes were moved; the next window begins.
    #[must_use]
    pub fn waited(&mut self, time: Duration) -> bool {
        self.waited = self.waited.saturating_add(time);
        if self.waited < RATE_WINDOW {
            return true;
        }
        let is_enough = self.moved >= self.minimum.saturating_mul(RATE_WINDOW.as_secs());
        *self = Self::at_least(self.minimum);
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rate_is_averaged_over_half_a_minute_of_waiting() {
        let mut rate = TransferRate::at_least(100);
        for _ in 0..2 {
            rate.moved(2999);
            assert!(rate.waited(29 * SECOND), "the window has not ended");
            assert_eq!(rate.left(), SECOND);
            rate.moved(1);
            assert!(rate.waited(SECOND), "exactly the minimum");
            assert_eq!(rate.left(), 30 * SECOND);
        }
        rate.moved(2999);
        assert!(!rate.waited(30 * SECOND), "one byte short");
    }

    #[test]
    fn bytes_of_one_window_do_not_count_in_the_next() {
        let mut rate = TransferRate::at_least(1);
        rate.moved(1_000_000);
        assert!(rate.waited(30 * SECOND));
        assert!(!rate.waited(30 * SECOND));
    }

    #[test]
    fn any_rate_is_accepted_without_a_minimum() {
        let mut rate = TransferRate::at_least(0);
        assert!((0..10).all(|_| rate.waited(30 * SECOND)));
    }
}
