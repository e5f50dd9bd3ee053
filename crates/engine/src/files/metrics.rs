//! Metrics of file transfers, with the names of operations §7.2.

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

impl Metrics {
    /// Current values of all metrics, with the number of uploads and downloads in progress.
    pub(super) fn samples(&self, uploading: u64, downloading: u64) -> Vec<Sample> {
        vec![
            ("file_uploads_total", Some(("outcome", "created")), self.uploads.get()),
            ("file_uploads_total", Some(("outcome", "exists")), self.repeated.get()),
            ("file_uploads_total", Some(("outcome", "abandoned")), self.abandoned.get()),
            ("file_downloads_total", Some(("outcome", "begun")), self.downloads.get()),
            ("file_bytes_total", Some(("direction", "in")), self.bytes_up.get()),
            ("file_bytes_total", Some(("direction", "out")), self.bytes_down.get()),
            ("file_transfers_in_flight", Some(("direction", "in")), uploading),
            ("file_transfers_in_flight", Some(("direction", "out")), downloading),
            ("blob_mismatch_total", Some(("kind", "missing")), self.missing.get()),
            ("blob_mismatch_total", Some(("kind", "size")), self.damaged.get()),
            ("blob_sweep_total", Some(("outcome", "removed")), self.swept.get()),
            ("blob_sweep_total", Some(("outcome", "failed")), self.sweep_failed.get()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The page with the table of series.
    const PAGE: &str = include_str!("../../../../docs/spec/operations.md");

    /// Name and label of the series that operations §7.2 lists for files as counted.
    fn documented() -> BTreeSet<(&'static str, &'static str)> {
        let (_, section) = PAGE.split_once("\nCounted by this build:\n").unwrap();
        let (table, _) = section.split_once("\nNot counted yet:\n").unwrap();
        let rows = table.lines().map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`')));
        let rows = rows.map(Iterator::collect::<Vec<_>>);
        let series = rows.filter_map(|cells| match cells.as_slice() {
            [_, name, _, label, ..] => Some((*name, *label)),
            _ => None,
        });
        series.filter(|(name, _)| name.starts_with("file_") || name.starts_with("blob_")).collect()
    }

    #[test]
    fn series_are_those_of_the_specification() {
        let samples = Metrics::default().samples(0, 0);
        let exported: BTreeSet<_> = samples
            .into_iter()
            .map(|(name, label, _)| (name, label.map_or("", |(label, _)| label)))
            .collect();
        assert_eq!(exported, documented());
    }
}
