//! Measured period of a run, and the warm-up before it.

use std::time::{Duration, Instant};

use crate::clock;

/// Half-open interval whose samples count: from the end of the warm-up to the end of the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    from: Instant,
    until: Instant,
}

impl Period {
    /// Starts the warm-up now: a tenth of `time`, at most one second. The measured period of length `time` follows.
    pub(crate) fn start(time: Duration) -> Self {
        let from = clock::instant() + (time / 10).min(Duration::from_secs(1));
        Self { from, until: from + time }
    }

    /// Returns whether a sample taken at `moment` counts.
    pub(crate) fn contains(&self, moment: Instant) -> bool {
        self.from <= moment && moment < self.until
    }

    /// Returns whether the load ends.
    pub(crate) fn is_over(&self) -> bool {
        clock::instant() >= self.until
    }

    /// Waits for the end of the warm-up.
    pub(crate) async fn begin(&self) {
        tokio::time::sleep_until(self.from.into()).await;
    }

    /// Waits for the end of the load.
    pub(crate) async fn end(&self) {
        tokio::time::sleep_until(self.until.into()).await;
    }

    /// Length of the measured period.
    pub(crate) fn time(&self) -> Duration {
        self.until - self.from
    }
}
