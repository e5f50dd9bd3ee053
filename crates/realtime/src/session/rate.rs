//! Token bucket, and detection of sustained abuse (protocol §1.10).

use std::time::{Duration, Instant};

/// Token bucket with explicit time: `rate` tokens per second, at most `burst` at once.
#[derive(Debug)]
pub(super) struct TokenBucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    pub(super) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        Self {
            rate: f64::from(rate.max(1)),
            burst: f64::from(burst.max(1)),
            tokens: f64::from(burst.max(1)),
            at: now,
        }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate).min(self.burst);
        self.at = now;
    }

    /// Takes a token if one is available.
    pub(super) fn try_take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }

    /// Takes `tokens`, into debt if necessary.
    pub(super) fn charge(&mut self, now: Instant, tokens: u32) {
        self.refill(now);
        self.tokens -= f64::from(tokens);
    }

    /// Time at which [`TokenBucket::try_take`] succeeds next.
    pub(super) fn next_at(&mut self, now: Instant) -> Instant {
        self.refill(now);
        // Rounded up: a token that is short of one by a rounding error is waited for too.
        now + Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.rate) + Duration::from_nanos(1)
    }

    /// Takes a token, into debt if necessary. Returns the time at which the next token is available, unless that is now.
    pub(super) fn take(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        self.tokens -= 1.0;
        let missing = 1.0 - self.tokens;
        (missing > 0.0).then(|| now + Duration::from_secs_f64(missing / self.rate))
    }
}

/// Detects a peer that sustains five times its rate for ten seconds.
#[derive(Debug)]
pub(super) struct AbuseMeter {
    allowed: u64,
    count: u64,
    since: Instant,
}

impl AbuseMeter {
    const FACTOR: u64 = 5;
    const WINDOW: Duration = Duration::from_secs(10);

    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self { allowed: u64::from(rate.max(1)) * Self::FACTOR * Self::WINDOW.as_secs(), count: 0, since: now }
    }

    /// Counts a message; true once the count of the current window exceeds the abuse threshold.
    pub(super) fn count(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Self::WINDOW {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        self.count > self.allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "arbitrary origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn bucket_allows_its_burst_and_then_its_rate() {
        let start = origin();
        let mut bucket = TokenBucket::new(10, 3, start);
        assert!((0..3).all(|_| bucket.try_take(start)));
        assert!(!bucket.try_take(start));
        assert!(bucket.try_take(start + Duration::from_millis(100)));
        assert!(!bucket.try_take(start + Duration::from_millis(101)));
    }

    #[test]
    fn take_beyond_the_burst_returns_the_time_of_the_next_token() {
        let start = origin();
        let mut bucket = TokenBucket::new(10, 2, start);
        assert_eq!(bucket.take(start), None);
        let next = bucket.take(start).unwrap();
        assert!(next > start && next <= start + Duration::from_millis(101));
    }

    #[test]
    fn five_times_the_rate_for_ten_seconds_is_abuse() {
        let start = origin();
        let mut meter = AbuseMeter::new(2, start);
        assert!((0..100).all(|_| !meter.count(start + Duration::from_secs(9))));
        assert!(meter.count(start + Duration::from_secs(9)));
        assert!(!meter.count(start + Duration::from_secs(20)));
    }
}
