//! Warnings about slow storage operations (operations §6).

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::metrics::{Outcome, Place};

/// Duration above which an operation is slow.
const SLOW: Duration = Duration::from_millis(250);

/// Minimum interval between two warnings about the same operation: an overloaded store must not flood the log.
const INTERVAL: Duration = Duration::from_secs(10);

/// Rate limit of the warnings, by operation.
#[derive(Debug)]
pub(super) struct SlowOperations(Vec<Mutex<Warned>>);

/// Warnings about one operation.
#[derive(Debug, Default)]
struct Warned {
    last: Option<Instant>,
    /// Slow runs since then.
    suppressed: u64,
}

impl SlowOperations {
    /// Rate limit for a number of operations.
    pub(super) fn new(operations: usize) -> Self {
        Self((0..operations).map(|_| Mutex::default()).collect())
    }

    /// Logs an operation that ended at `now`, if it was slow. Names it, and neither its space nor its caller.
    pub(super) fn note(&self, operation: Place, outcome: Outcome, duration: Duration, now: Instant) {
        if duration <= SLOW {
            return;
        }
        let due = self.0.get(operation.index).and_then(|warned| warned.lock().due(now));
        if let Some(suppressed) = due {
            let duration_ms = duration.as_millis();
            let (op, outcome) = (operation.name, outcome.as_str());
            tracing::warn!(op, outcome, duration_ms, suppressed, "storage operation was slow");
        }
    }
}

impl Warned {
    /// Number of suppressed warnings, if the next one is due.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant")]
    fn warnings_are_ten_seconds_apart_and_count_what_they_suppress() {
        let (mut warned, start) = (Warned::default(), Instant::now());
        assert_eq!(warned.due(start), Some(0));
        assert_eq!(warned.due(start + INTERVAL / 2), None);
        assert_eq!(warned.due(start + Duration::from_millis(9_999)), None);
        assert_eq!(warned.due(start + INTERVAL), Some(2));
        assert_eq!(warned.due(start + INTERVAL * 3), Some(0));
    }
}
