//! Pieces of a rewrap: each of them is a transaction of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use less_sync_core::Epoch;

use crate::{DekId, DekRejection, Rewrap, Rewrapped};

/// Entries of one transaction of a rewrap. A message may hold a hundred thousand; other users wait for one piece at most.
pub const REWRAP_ROWS: usize = 1000;

/// Entries of a rewrap by ascending id, the last one of each id, in pieces of at most [`REWRAP_ROWS`].
#[derive(Clone, Debug)]
pub struct RewrapPieces {
    pieces: Vec<Arc<[Rewrap]>>,
    /// Entries before repeated ids were removed.
    submitted: usize,
    /// True if some entry, also of a repeated id, is of another epoch than the first one.
    mixes_epochs: bool,
}

impl RewrapPieces {
    /// The pieces of `entries`; one empty piece if there are none.
    #[must_use]
    pub fn new(entries: Vec<Rewrap>) -> Self {
        let submitted = entries.len();
        let first = entries.first().map(|entry| entry.dek.epoch_prefix());
        let mixes_epochs = entries.iter().any(|entry| Some(entry.dek.epoch_prefix()) != first);
        let by_id: BTreeMap<DekId, Rewrap> = entries.into_iter().map(|entry| (entry.id, entry)).collect();
        let entries: Vec<Rewrap> = by_id.into_values().collect();
        let mut pieces: Vec<Arc<[Rewrap]>> = entries.chunks(REWRAP_ROWS).map(Arc::from).collect();
        if pieces.is_empty() {
            pieces.push(Arc::default());
        }
        Self { pieces, submitted, mixes_epochs }
    }

    /// The pieces in the order of their ids; at least one.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<[Rewrap]>> {
        self.pieces.iter()
    }

    /// Checks that every entry is of the epoch `current` of its space.
    ///
    /// # Errors
    /// [`DekRejection::EpochMismatch`].
    pub fn check_epoch(&self, current: Epoch) -> Result<(), DekRejection> {
        let current = current.get().unsigned_abs();
        let first = self.pieces.iter().flat_map(|piece| piece.iter()).next();
        let is_current = first.is_none_or(|entry| entry.dek.epoch_prefix() == current);
        if is_current && !self.mixes_epochs { Ok(()) } else { Err(DekRejection::EpochMismatch) }
    }

    /// Outcome of the rewrap when so many keys were replaced.
    #[must_use]
    pub fn outcome(&self, replaced: usize) -> Rewrapped {
        Rewrapped { replaced, skipped: self.submitted.saturating_sub(replaced) }
    }
}

#[cfg(test)]
mod tests {
    use less_sync_core::Dek;

    use super::*;

    fn rewrap(number: usize, epoch: u32) -> Rewrap {
        let mut dek = [0; Dek::LENGTH];
        dek[..4].copy_from_slice(&epoch.to_be_bytes());
        Rewrap {
            id: DekId::from_bytes((number as u128).to_be_bytes()),
            dek: Dek::from_bytes(dek),
            observed: None,
        }
    }

    #[test]
    fn entries_are_cut_in_the_order_of_their_ids() {
        let sizes = |entries: usize| {
            let pieces = RewrapPieces::new((0..entries).rev().map(|number| rewrap(number, 1)).collect());
            assert!(pieces.iter().flat_map(|piece| piece.iter()).is_sorted_by_key(|entry| entry.id));
            pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(0), [0]);
        assert_eq!(sizes(REWRAP_ROWS), [REWRAP_ROWS]);
        assert_eq!(sizes(2 * REWRAP_ROWS + 1), [REWRAP_ROWS, REWRAP_ROWS, 1]);
    }

    #[test]
    fn repeated_ids_count_as_skipped_and_their_epochs_are_checked() {
        let pieces = RewrapPieces::new(vec![rewrap(1, 2), rewrap(1, 2), rewrap(2, 2)]);
        assert_eq!(pieces.outcome(2), Rewrapped { replaced: 2, skipped: 1 });
        let epoch = |number| Epoch::try_from(number).unwrap();
        assert_eq!(pieces.check_epoch(epoch(2)), Ok(()));
        assert_eq!(pieces.check_epoch(epoch(3)), Err(DekRejection::EpochMismatch));
        let mixed = RewrapPieces::new(vec![rewrap(1, 1), rewrap(1, 2)]);
        assert_eq!(mixed.check_epoch(epoch(2)), Err(DekRejection::EpochMismatch));
    }
}
