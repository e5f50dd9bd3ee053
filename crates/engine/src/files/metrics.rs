//! Metrics of file transfers, with the names of operations §7.2.

use std::sync::Arc;

use less_sync_metrics::{Counter, Gauge, Reading, Registry};

use super::transfer_limiter::TransferLimiter;

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
    pub(super) queued_uploads: Gauge,
    pub(super) queued_deletions: Gauge,
    /// In seconds.
    pub(super) oldest_due: Gauge,
}

impl Metrics {
    /// Registers all metrics, those of the transfers in progress included.
    pub(super) fn register(
        &self,
        registry: &mut Registry,
        uploads: &Arc<TransferLimiter>,
        downloads: &Arc<TransferLimiter>,
    ) {
        let outcomes = [
            (["created"], self.uploads.clone()),
            (["exists"], self.repeated.clone()),
            (["abandoned"], self.abandoned.clone()),
        ];
        registry.family("file_uploads_total", "uploads by outcome", ["outcome"], outcomes);
        let begun = [(["begun"], self.downloads.clone())];
        registry.family("file_downloads_total", "downloads by outcome", ["outcome"], begun);
        let bytes = [(["in"], self.bytes_up.clone()), (["out"], self.bytes_down.clone())];
        registry.family("file_bytes_total", "bytes of bodies of files", ["direction"], bytes);
        let running = [(["in"], in_progress(uploads)), (["out"], in_progress(downloads))];
        registry.family("file_transfers_in_flight", "running uploads and downloads", ["direction"], running);
        let kinds = [(["missing"], self.missing.clone()), (["size"], self.damaged.clone())];
        registry.family("blob_mismatch_total", "objects found missing or of another size", ["kind"], kinds);
        let swept = [(["removed"], self.swept.clone()), (["failed"], self.sweep_failed.clone())];
        let help = "objects removed by the sweeper, and failed deletions";
        registry.family("blob_sweep_total", help, ["outcome"], swept);
        let rows = [(["upload"], self.queued_uploads.clone()), (["delete"], self.queued_deletions.clone())];
        let help = "uploads in progress and objects to delete, as of the last sweep";
        registry.family("blob_queue_rows", help, ["state"], rows);
        let help = "time for which the oldest object to delete is due, as of the last sweep";
        registry.register("blob_queue_oldest_seconds", help, self.oldest_due.clone());
    }
}

fn in_progress(transfers: &Arc<TransferLimiter>) -> Reading {
    let transfers = transfers.clone();
    Reading::gauge(move || transfers.in_use())
}
