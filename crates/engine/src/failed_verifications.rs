//! Failed verifications of a connection, towards its close for abuse (auth S-07, protocol §1.10).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Failures per window, inclusive: as many as a request has chains, for a client whose chains have all become void.
const MAX_FAILURES: u32 = 1000;

const WINDOW: Duration = Duration::from_secs(10);

/// Counter of the chains of one connection that failed although signatures were computed for them.
#[derive(Debug, Default)]
pub struct FailedVerifications {
    window: Mutex<Option<Window>>,
    is_exceeded: AtomicBool,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    failures: u32,
}

impl FailedVerifications {
    /// Counts a failure at `now`.
    pub(crate) fn add(&self, now: Instant) {
        let mut window = self.window.lock();
        match &mut *window {
            Some(window) if now.saturating_duration_since(window.since) < WINDOW => {
                window.failures += 1;
                if window.failures > MAX_FAILURES {
                    self.is_exceeded.store(true, Ordering::Relaxed);
                }
            }
            _ => *window = Some(Window { since: now, failures: 1 }),
        }
    }

    /// True once the failures of a window exceed the limit: the connection is to be closed.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as an origin")]
    fn failures_count_within_ten_seconds() {
        let (failed, start) = (FailedVerifications::default(), Instant::now());
        (0..MAX_FAILURES).for_each(|_| failed.add(start));
        assert!(!failed.is_exceeded());
        failed.add(start + WINDOW);
        assert!(!failed.is_exceeded(), "a window has passed");
        (0..MAX_FAILURES).for_each(|_| failed.add(start + WINDOW));
        assert!(failed.is_exceeded());
    }
}
