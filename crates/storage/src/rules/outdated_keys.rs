//! Count of the outdated keys of a space, page by page (storage §3.11).

use less_sync_core::{Cursor, DekKind, Epoch};

use crate::{DekId, DekPage, DekPosition, EpochRejection, MAX_COUNTED_KEYS};

/// Keys older than an epoch among those that were read so far. Pages are read without the lock of the space; a push moves
/// its row above what was read, so below that keys can only have become newer.
#[derive(Clone, Copy, Debug)]
pub struct OutdatedKeys {
    epoch: Epoch,
    records: Progress,
    files: Progress,
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    /// Last row that was read.
    position: DekPosition,
    outdated: usize,
}

impl OutdatedKeys {
    /// Kinds of keys, in the order in which they are counted.
    pub const KINDS: [DekKind; 2] = [DekKind::Record, DekKind::File];

    /// The count before the first page.
    #[must_use]
    pub fn before(epoch: Epoch) -> Self {
        let start = Progress { position: end_of(Cursor::ZERO), outdated: 0 };
        Self { epoch, records: start, files: start }
    }

    /// Position of the next page of `kind`; `None` when so many keys are outdated that no more are counted.
    #[must_use]
    pub fn next(&self, kind: DekKind) -> Option<DekPosition> {
        let progress = self.of(kind);
        (progress.outdated < MAX_COUNTED_KEYS).then_some(progress.position)
    }

    /// Counts the page at [`OutdatedKeys::next`], read up to the cursor `bound`. True if another page follows that has to
    /// be read.
    pub fn count(&mut self, kind: DekKind, page: &DekPage, bound: Cursor) -> bool {
        let oldest = self.epoch.get().unsigned_abs();
        let outdated = page.deks.iter().filter(|stored| stored.dek.epoch_prefix() < oldest).count();
        let progress = match kind {
            DekKind::Record => &mut self.records,
            DekKind::File => &mut self.files,
        };
        progress.outdated = (progress.outdated + outdated).min(MAX_COUNTED_KEYS);
        progress.position = page.next.unwrap_or(end_of(bound));
        page.next.is_some() && self.next(kind).is_some()
    }

    /// Rejection of the completion; `None` when no key is outdated.
    #[must_use]
    pub fn rejection(&self) -> Option<EpochRejection> {
        let (records, files) = (self.records.outdated, self.files.outdated);
        (records + files > 0).then_some(EpochRejection::RewrapIncomplete { records, files })
    }

    fn of(&self, kind: DekKind) -> &Progress {
        match kind {
            DekKind::Record => &self.records,
            DekKind::File => &self.files,
        }
    }
}

/// Position after all rows up to a cursor.
fn end_of(cursor: Cursor) -> DekPosition {
    DekPosition { cursor, id: DekId::from_bytes([0xff; 16]) }
}

#[cfg(test)]
mod tests {
    use less_sync_core::Dek;

    use super::*;
    use crate::StoredDek;

    fn page(epochs: &[u32], next: Option<DekPosition>) -> DekPage {
        let stored = |epoch: &u32| {
            let mut dek = [0; Dek::LENGTH];
            dek[..4].copy_from_slice(&epoch.to_be_bytes());
            StoredDek { id: DekId::from_bytes([0; 16]), cursor: Cursor::ZERO, dek: Dek::from_bytes(dek) }
        };
        DekPage { deks: epochs.iter().map(stored).collect(), next }
    }

    #[test]
    fn keys_are_counted_by_kind_up_to_a_limit() {
        let (mut keys, bound) = (OutdatedKeys::before(Epoch::try_from(3).unwrap()), Cursor::new(9).unwrap());
        let middle = end_of(Cursor::new(4).unwrap());
        assert!(keys.count(DekKind::Record, &page(&[3, 4, u32::MAX], Some(middle)), bound));
        assert_eq!((keys.next(DekKind::Record), keys.rejection()), (Some(middle), None));
        assert!(!keys.count(DekKind::Record, &page(&[2, 0, 3], None), bound));
        assert_eq!(keys.next(DekKind::Record), Some(end_of(bound)));
        assert!(!keys.count(DekKind::File, &page(&[1; 2000], Some(middle)), bound), "enough are counted");
        let expected = EpochRejection::RewrapIncomplete { records: 2, files: MAX_COUNTED_KEYS };
        assert_eq!((keys.next(DekKind::File), keys.rejection()), (None, Some(expected)));
    }
}
