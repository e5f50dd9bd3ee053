//! Exponential back-off of reconnections.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
const JITTER: f64 = 0.3;
/// Lifetime from which a connection resets the back-off. A shorter one may have been rejected after the upgrade, since
/// the server verifies the token only then.
const SUCCESS: Duration = Duration::from_secs(5);

/// Delays of 1, 2, 4 … 30 seconds with up to 30 % of jitter (protocol §1.5; newer-clients §6).
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Delay after a connection that lived for `life`; `None` if it was never opened.
    ///
    /// `jitter` is a random number from 0 to 1, and scales the delay by up to 1.3.
    pub fn after(&mut self, life: Option<Duration>, jitter: f64) -> Duration {
        if life.is_some_and(|life| life >= SUCCESS) {
            self.failures = 0;
        }
        let delay = FIRST.saturating_mul(1 << self.failures.min(5)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        delay.mul_f64(1.0 + JITTER * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    fn seconds(backoff: &mut Backoff, life: Option<u64>) -> u64 {
        backoff.after(life.map(Duration::from_secs), 0.0).as_secs()
    }

    #[test]
    fn delays_double_up_to_thirty_seconds() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..8).map(|_| seconds(&mut backoff, None)).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn only_a_connection_that_lived_five_seconds_starts_over() {
        let mut backoff = Backoff::default();
        assert_eq!(seconds(&mut backoff, None), 1);
        assert_eq!(seconds(&mut backoff, Some(4)), 2);
        assert_eq!(seconds(&mut backoff, Some(0)), 4);
        assert_eq!(seconds(&mut backoff, Some(5)), 1);
        assert_eq!(seconds(&mut backoff, None), 2);
    }

    #[test]
    fn jitter_adds_up_to_thirty_percent_and_never_more() {
        for (jitter, expected) in [(0.0, 1000), (0.5, 1150), (1.0, 1300), (7.0, 1300), (-1.0, 1000)] {
            assert_eq!(Backoff::default().after(None, jitter).as_millis(), expected, "{jitter}");
        }
    }
}
