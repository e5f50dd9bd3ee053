//! Durations of storage operations by name and outcome.

use std::time::Duration;

use less_sync_metrics::{Counter, Histogram, Reading, Registry};

/// Outcome of a storage operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A result.
    Ok,
    /// A decision of the contract: nothing changed.
    Rejected,
    /// A failure of the store.
    Failed,
}

impl Outcome {
    /// Value of the label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// All outcomes, in the order of the variants.
const OUTCOMES: [Outcome; 3] = [Outcome::Ok, Outcome::Rejected, Outcome::Failed];

/// Operation of the storage contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Index among all operations.
    pub(super) index: usize,
    /// Name: value of the label and of the span field `op`.
    pub(super) name: &'static str,
}

/// A histogram per operation and outcome; its count is the number of operations.
#[derive(Debug)]
pub(super) struct OperationMetrics {
    /// Names of the operations with their histograms, in the order of their places.
    operations: Vec<(&'static str, [Histogram; OUTCOMES.len()])>,
    /// Operations on a space of the other kind than their caller expected.
    pub(super) kind_mismatches: Counter,
}

impl OperationMetrics {
    /// Metrics of the operations with these names.
    pub(super) fn new(names: impl Iterator<Item = &'static str>) -> Self {
        let histograms = || std::array::from_fn(|_| Histogram::of_durations());
        let operations = names.map(|name| (name, histograms())).collect();
        Self { operations, kind_mismatches: Counter::default() }
    }

    pub(super) fn count(&self, operation: Place, outcome: Outcome, duration: Duration) {
        let outcomes = self.operations.get(operation.index).map(|(_, outcomes)| outcomes);
        if let Some(histogram) = outcomes.and_then(|outcomes| outcomes.get(outcome as usize)) {
            histogram.observe(duration);
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let labels = ["op", "outcome"];
        let counts = self.series().map(|(values, histogram)| {
            let histogram = histogram.clone();
            (values, Reading::counter(move || histogram.count()))
        });
        registry.family("storage_op_total", "storage operations", labels, counts);
        let durations = self.series().map(|(values, histogram)| (values, histogram.clone()));
        let help = "durations of storage operations, waits for a connection included";
        registry.family("storage_op_duration_seconds", help, labels, durations);
        let alerts = [(["space_kind_mismatch"], self.kind_mismatches.clone())];
        let help = "events that hint at an attack or a damaged database";
        registry.family("security_alerts_total", help, ["kind"], alerts);
    }

    /// Label values and histogram of each series.
    fn series(&self) -> impl Iterator<Item = ([&'static str; 2], &Histogram)> {
        self.operations.iter().flat_map(|(name, outcomes)| {
            let outcomes = OUTCOMES.iter().zip(outcomes);
            outcomes.map(|(outcome, histogram)| ([*name, outcome.as_str()], histogram))
        })
    }
}
