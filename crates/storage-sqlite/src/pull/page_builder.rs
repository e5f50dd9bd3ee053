//! A page that grows: what its rows carry shares one allocation.

use std::ops::Range;

use bytes::Bytes;
use less_sync_storage::{PullPage, PullPosition, RecordState, Row};

/// Limits of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageLimits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

#[derive(Default)]
pub(super) struct PageBuilder {
    payload: Vec<u8>,
    /// Rows without what they carry, and where in `payload` that is.
    rows: Vec<(Row, Range<usize>)>,
}

impl PageBuilder {
    pub(super) fn is_full(&self, limits: PageLimits) -> bool {
        self.rows.len() >= limits.rows || self.payload.len() >= limits.bytes
    }

    /// Adds a row that is to carry `payload`.
    pub(super) fn add(&mut self, row: Row, payload: &[u8]) {
        let start = self.payload.len();
        self.payload.extend_from_slice(payload);
        self.rows.push((row, start..self.payload.len()));
    }

    /// The page; `next` is where the pull continues.
    pub(super) fn finish(self, next: Option<PullPosition>) -> PullPage {
        let payload = Bytes::from(self.payload);
        let rows = self.rows.into_iter().map(|(row, range)| carrying(row, payload.slice(range))).collect();
        PullPage { rows, next }
    }
}

fn carrying(mut row: Row, payload: Bytes) -> Row {
    match &mut row {
        Row::Record(record) => {
            if let RecordState::Live { blob, .. } = &mut record.state {
                *blob = payload;
            }
        }
        Row::Member(entry) => entry.payload = payload,
        Row::File(_) => {}
    }
    row
}
