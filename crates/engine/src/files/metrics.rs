//! What transfers count. The process exports it under the names given here (operations §7.2).

use std::sync::atomic::{AtomicU64, Ordering};

use super::Files;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn increment(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A metric: its name, its label and its value.
pub type Sample = (&'static str, Option<(&'static str, &'static str)>, u64);

/// What files count.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) uploads: Count,
    pub(super) repeated: Count,
    pub(super) abandoned: Count,
    pub(super) downloads: Count,
    pub(super) bytes_up: Count,
    pub(super) bytes_down: Count,
    pub(super) missing: Count,
    pub(super) damaged: Count,
    pub(super) swept: Count,
    pub(super) sweep_failed: Count,
}

impl Files {
    /// Every metric.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let metrics = &self.0.metrics;
        let (uploading, downloading) = (self.0.uploads.taken() as u64, self.0.downloads.taken() as u64);
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
