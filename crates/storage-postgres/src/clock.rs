//! Durations as parameters of statements, which add them to the clock of the database.

use std::time::Duration;

/// Longest duration, 285 years in microseconds. Longer ones are cut to it: they would overflow the timestamps of the
/// database.
const LONGEST: i64 = 1 << 53;

/// Duration in microseconds.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_microseconds_and_end_somewhere() {
        assert_eq!(micros(Duration::from_nanos(1_999)), 1);
        assert_eq!(micros(Duration::from_hours(1)), 3_600_000_000);
        assert_eq!(micros(Duration::MAX), 1 << 53);
    }
}
