//! Amounts of records and bytes that pass the store.

use less_sync_metrics::{Counter, Registry};
use less_sync_storage::{PullPage, Pushed, Row};

/// Counters of pushed and pulled rows.
#[derive(Debug, Default)]
pub(super) struct Volume {
    pushed_records: Counter,
    pushed_bytes: Counter,
    conflicts: Counter,
    pulled: [Counter; KINDS.len()],
    pulled_bytes: [Counter; KINDS.len()],
}

/// Kinds of rows of a pull, in the order of their rank.
const KINDS: [&str; 3] = ["record", "member", "file"];

impl Volume {
    /// Counts a push of `records` records with `bytes` bytes of blobs.
    pub(super) fn pushed(&self, pushed: &Pushed, records: usize, bytes: usize) {
        match pushed {
            Pushed::Committed { .. } => {
                self.pushed_records.inc_by(records as u64);
                self.pushed_bytes.inc_by(bytes as u64);
            }
            Pushed::Conflict { .. } => {
                self.conflicts.inc();
            }
        }
    }

    pub(super) fn pulled(&self, page: &PullPage) {
        let mut counts = [(0, 0); KINDS.len()];
        for row in &page.rows {
            let rank = match row {
                Row::Record(_) => Row::RECORD,
                Row::Member(_) => Row::MEMBER,
                Row::File(_) => Row::FILE,
            };
            if let Some((rows, bytes)) = counts.get_mut(usize::from(rank)) {
                *rows += 1;
                *bytes += row.payload_bytes() as u64;
            }
        }
        // A single addition per counter and page, not per row.
        for ((rows, bytes), (count, volume)) in
            counts.into_iter().zip(self.pulled.iter().zip(&self.pulled_bytes))
        {
            count.inc_by(rows);
            volume.inc_by(bytes);
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "records of applied pushes";
        registry.register("storage_push_records_total", help, self.pushed_records.clone());
        let help = "bytes of blobs of applied pushes";
        registry.register("storage_push_bytes_total", help, self.pushed_bytes.clone());
        let help = "pushes rejected as a whole because a record had another cursor than expected";
        registry.register("storage_push_conflicts_total", help, self.conflicts.clone());
        let series = |counters: &[Counter; KINDS.len()]| {
            let counters: Vec<_> =
                KINDS.into_iter().zip(counters).map(|(kind, counter)| ([kind], counter.clone())).collect();
            counters
        };
        registry.family("storage_pull_rows_total", "rows read by pulls", ["kind"], series(&self.pulled));
        let help = "bytes of blobs and payloads read by pulls";
        registry.family("storage_pull_bytes_total", help, ["kind"], series(&self.pulled_bytes));
    }
}
