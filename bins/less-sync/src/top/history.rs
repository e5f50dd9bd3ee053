//! Bounded histories for the sparklines.

use std::collections::VecDeque;

use super::figures::Figures;

/// Polls that are kept.
const KEPT: usize = 240;

/// The last values of the series with a sparkline.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) requests: Series,
    pub(super) events: Series,
    pub(super) errors: Series,
    /// 99th percentile of all requests, in microseconds.
    pub(super) p99: Series,
}

/// The last values of one series, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Series(VecDeque<u64>);

impl History {
    pub(super) fn add(&mut self, figures: &Figures) {
        self.requests.add(figures.requests * 10.0);
        self.events.add(figures.events * 10.0);
        self.errors.add(figures.errors * 10.0);
        self.p99.add(figures.p99.unwrap_or(0.0) * 1e6);
    }
}

impl Series {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    fn add(&mut self, value: f64) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(value.max(0.0).round() as u64);
    }

    /// The last `width` values.
    pub(super) fn last(&self, width: usize) -> Vec<u64> {
        self.0.iter().skip(self.0.len().saturating_sub(width)).copied().collect()
    }
}
