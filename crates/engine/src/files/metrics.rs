//! Metrics of file transfers, with the names of operations §7.2.

use super::Files;
use crate::Counter;

/// Name, label (name and value) and current value of a metric.
pub type Sample = (&'static str, Option<(&'static str, &'static str)>, u64);

/// Counters of file transfers and of the sweeper.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) uploads: Counter,
    pub(super) repeated: Counter,
    pub(super) abandoned: Counter,
    pub(super) downloads: Counter,
    pub(super) bytes_up: Counter,
    pub(super) bytes_down: Counter,
    pub(super) missing: Counter,
    pub(super) damaged: Counter,
    pub(super) swept: Counter,
    pub(super) sweep_failed: Counter,
}

impl Files {
    /// Current values of all file metrics.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let metrics = &self.0.metrics;
        let (uploading, downloading) = (self.0.uploads.in_use() as u64, self.0.downloads.in_use() as u64);
        vec![
            ("file_uploads_total", Some(("outcome", "created")), metrics.uploads.get()),
            ("file_uploads_total", Some(("outcome", "exists")), metrics.repeated.get()),
            ("file_uploads_total", Some(("outcome", "abandoned")), metrics.abandoned.get()),
            ("file_downloads_total", Some(("outcome", "begun")), metrics.downloads.get()),
            ("file_bytes_total", Some(("direction", "in")), metrics.bytes_up.get()),
            ("file_bytes_total", Some(("direction", "out")), metrics.bytes_down.get()),
            ("file_transfers_in_flight", Some(("direction", "in")), uploading),
            ("file_transfers_in_flight", Some(("direction", "out")), downloading),
            ("blob_mismatch_total", Some(("kind", "missing")), metrics.missing.get()),
            ("blob_mismatch_total", Some(("kind", "size")), metrics.damaged.get()),
            ("blob_sweep_total", Some(("outcome", "removed")), metrics.swept.get()),
            ("blob_sweep_total", Some(("outcome", "failed")), metrics.sweep_failed.get()),
        ]
    }
}
