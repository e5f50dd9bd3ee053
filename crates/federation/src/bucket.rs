//! Token buckets for the quotas of a peer (federation §16.2).

use std::time::{Duration, Instant};

/// Token bucket with explicit time and a limit that may change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    used: f64,
    at: Instant,
}

/// Limit of a bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    capacity: f64,
    per_second: f64,
}

impl Rate {
    /// As many per hour, all of them at once.
    #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^52")]
    pub(crate) fn hourly(limit: u64) -> Self {
        Self { capacity: limit as f64, per_second: limit as f64 / 3600.0 }
    }

    /// As many per second, and twice as many at once.
    pub(crate) fn per_second(limit: u32) -> Self {
        Self { capacity: f64::from(limit) * 2.0, per_second: f64::from(limit) }
    }
}

impl Bucket {
    pub(crate) fn new(now: Instant) -> Self {
        Self { used: 0.0, at: now }
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.used = (self.used - elapsed * rate.per_second).max(0.0);
        self.at = now;
    }

    /// Takes `amount`, or returns the time after which it fits. More than the capacity never fits.
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52")]
    pub(crate) fn take(&mut self, amount: u64, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.refill(rate, now);
        let amount = amount as f64;
        if self.used + amount <= rate.capacity {
            self.used += amount;
            return Ok(());
        }
        let missing = (self.used + amount - rate.capacity).min(rate.capacity);
        Err(Duration::from_secs_f64((missing / rate.per_second.max(f64::MIN_POSITIVE)).min(3600.0)))
    }

    /// Takes one, into debt for as long as `patience`, and returns the wait that it costs. `None`: the debt is too large, and
    /// nothing is taken.
    pub(crate) fn take_one(&mut self, rate: Rate, now: Instant, patience: Duration) -> Option<Duration> {
        self.refill(rate, now);
        let debt = (self.used + 1.0 - rate.capacity).max(0.0);
        let wait = Duration::from_secs_f64(debt / rate.per_second);
        (wait <= patience).then(|| {
            self.used += 1.0;
            wait
        })
    }

    /// Gives `amount` back.
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52")]
    pub(crate) fn give_back(&mut self, amount: u64) {
        self.used = (self.used - amount as f64).max(0.0);
    }

    /// Amount in use.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
    pub(crate) fn used(&mut self, rate: Rate, now: Instant) -> u64 {
        self.refill(rate, now);
        self.used.ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[expect(clippy::disallowed_methods, reason = "arbitrary origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// Federation T-037.
    #[test]
    fn t_037_bucket_allows_its_limit_and_refills_within_an_hour() {
        let (start, rate) = (origin(), Rate::hourly(100));
        let mut bucket = Bucket::new(start);
        assert_eq!(bucket.take(60, rate, start), Ok(()));
        assert_eq!(bucket.used(rate, start), 60);
        let wait = bucket.take(50, rate, start).unwrap_err();
        assert!(wait > Duration::from_secs(359) && wait < Duration::from_secs(361), "{wait:?}");
        assert_eq!(bucket.take(50, rate, start + Duration::from_secs(361)), Ok(()));
        assert_eq!(bucket.used(rate, start + HOUR * 2), 0);
        assert!(bucket.take(101, rate, start + HOUR * 2).is_err(), "more than the capacity");
        assert_eq!(bucket.take(1, Rate::hourly(1), start + HOUR * 2), Ok(()), "a limit may change");
    }

    #[test]
    fn debt_is_a_wait_and_too_much_of_it_a_rejection() {
        let (start, rate, patience) = (origin(), Rate::per_second(10), Duration::from_secs(2));
        let mut bucket = Bucket::new(start);
        assert!((0..20).all(|_| bucket.take_one(rate, start, patience) == Some(Duration::ZERO)));
        assert_eq!(bucket.take_one(rate, start, patience), Some(Duration::from_millis(100)));
        let more = (0..100).take_while(|_| bucket.take_one(rate, start, patience).is_some()).count();
        assert_eq!(more, 19);
    }
}
