//! Bounds of the last DEK listings of a connection, by space (protocol §4.17).

use std::collections::HashMap;

use less_sync_core::{Cursor, DekKind, SpaceId, limits};
use parking_lot::Mutex;

/// Cursor bound of the last listing of each space and kind. Holds at most [`limits::SPACES`] bounds and is cleared when
/// full: a rewrap without a known listing is only guarded more strictly.
#[derive(Debug, Default)]
pub(crate) struct ListedDekBounds(Mutex<HashMap<(SpaceId, DekKind), Cursor>>);

impl ListedDekBounds {
    /// Records the bound of a listing that was sent completely.
    pub(crate) fn record(&self, space: SpaceId, kind: DekKind, bound: Cursor) {
        let mut listed = self.0.lock();
        if listed.len() >= limits::SPACES && !listed.contains_key(&(space, kind)) {
            listed.clear();
        }
        listed.insert((space, kind), bound);
    }

    /// Bound of the last listing, if known.
    pub(crate) fn bound(&self, space: SpaceId, kind: DekKind) -> Option<Cursor> {
        self.0.lock().get(&(space, kind)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(number: u128) -> SpaceId {
        SpaceId::from_bytes(number.to_be_bytes())
    }

    #[test]
    fn bound_is_that_of_the_last_listing_of_its_kind() {
        let listed = ListedDekBounds::default();
        let [older, newer] = [1, 2].map(|number| Cursor::new(number).unwrap());
        assert_eq!(listed.bound(space(1), DekKind::Record), None);
        listed.record(space(1), DekKind::Record, older);
        listed.record(space(1), DekKind::Record, newer);
        assert_eq!(listed.bound(space(1), DekKind::Record), Some(newer));
        assert_eq!(listed.bound(space(1), DekKind::File), None);
        assert_eq!(listed.bound(space(2), DekKind::Record), None);
    }

    #[test]
    fn memory_is_bounded() {
        let listed = ListedDekBounds::default();
        for number in 0..=limits::SPACES as u128 {
            listed.record(space(number), DekKind::Record, Cursor::ZERO);
        }
        assert_eq!(listed.0.lock().len(), 1);
    }
}
