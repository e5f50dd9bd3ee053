//! Counters of pushes and uploads that were rejected by a quota (storage §3.20, operations §7.2).

use less_sync_metrics::{Counter, Registry};
use less_sync_storage::{FileError, FileRejection, PushError, PushRejection, Quota, StorageError};

/// Rejections by each quota.
#[derive(Debug, Default)]
pub(crate) struct QuotaRejections([Counter; Quota::ALL.len()]);

impl QuotaRejections {
    /// Counts the outcome of a push, if a quota rejected it.
    pub(crate) fn count_push<T>(&self, outcome: &Result<T, PushError>) {
        if let Err(StorageError::Rejected(PushRejection::QuotaExceeded(quota))) = outcome {
            self.add(*quota);
        }
    }

    /// Counts the outcome of a claim or a commit of a file, if a quota rejected it.
    pub(crate) fn count_file<T>(&self, outcome: &Result<T, FileError>) {
        if let Err(StorageError::Rejected(FileRejection::QuotaExceeded(quota))) = outcome {
            self.add(*quota);
        }
    }

    /// Registers the counters.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let counters = self.counters().map(|(quota, counter)| ([quota.as_str()], counter.clone()));
        let help = "pushes and uploads rejected by a quota of stored bytes";
        registry.family("quota_rejections_total", help, ["quota"], counters);
    }

    fn add(&self, quota: Quota) {
        for (_, counter) in self.counters().filter(|(known, _)| *known == quota) {
            counter.inc();
        }
    }

    fn counters(&self) -> impl Iterator<Item = (Quota, &Counter)> {
        Quota::ALL.into_iter().zip(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_are_counted_by_quota() {
        let counted = QuotaRejections::default();
        counted.count_push::<()>(&Err(PushRejection::QuotaExceeded(Quota::User).into()));
        counted.count_push::<()>(&Err(PushRejection::StoreFull.into()));
        counted.count_push(&Ok(()));
        counted.count_file::<()>(&Err(FileRejection::QuotaExceeded(Quota::User).into()));
        counted.count_file::<()>(&Err(FileRejection::QuotaExceeded(Quota::Space).into()));
        assert_eq!(counted.counters().map(|(_, counter)| counter.get()).collect::<Vec<_>>(), [1, 2]);
    }
}
