//! Bounds of the last DEK listings of a connection, by space (protocol §4.17).

use std::collections::HashMap;

use less_sync_core::{Cursor, DekKind, Did, SpaceId, limits};
use parking_lot::Mutex;

/// Subject of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Listed {
    /// The space.
    pub(crate) space: SpaceId,
    /// Kind of the keys.
    pub(crate) kind: DekKind,
    /// Member that a server lists the keys for: the members behind a link have bounds of their own.
    pub(crate) reader: Option<Did>,
}

/// Cursor bound of the last listing of each space, kind and reader. Holds at most [`limits::SPACES`] bounds and is cleared when
/// full: a rewrap without a known listing is only guarded more strictly.
#[derive(Debug, Default)]
pub(crate) struct ListedDekBounds(Mutex<HashMap<Listed, Cursor>>);

impl ListedDekBounds {
    /// Records the bound of a listing that was sent completely.
    pub(crate) fn record(&self, listed: Listed, bound: Cursor) {
        let mut bounds = self.0.lock();
        if bounds.len() >= limits::SPACES && !bounds.contains_key(&listed) {
            bounds.clear();
        }
        bounds.insert(listed, bound);
    }

    /// Bound of the last listing, if known.
    pub(crate) fn bound(&self, listed: &Listed) -> Option<Cursor> {
        self.0.lock().get(listed).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(number: u128, kind: DekKind) -> Listed {
        Listed { space: SpaceId::from_bytes(number.to_be_bytes()), kind, reader: None }
    }

    #[test]
    fn bound_is_that_of_the_last_listing_of_its_kind() {
        let bounds = ListedDekBounds::default();
        let [older, newer] = [1, 2].map(|number| Cursor::new(number).unwrap());
        let records = listed(1, DekKind::Record);
        assert_eq!(bounds.bound(&records), None);
        bounds.record(records.clone(), older);
        bounds.record(records.clone(), newer);
        assert_eq!(bounds.bound(&records), Some(newer));
        assert_eq!(bounds.bound(&listed(1, DekKind::File)), None);
        assert_eq!(bounds.bound(&listed(2, DekKind::Record)), None);
        let reader = Did::try_from("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169").ok();
        assert!(reader.is_some());
        assert_eq!(bounds.bound(&Listed { reader, ..records }), None);
    }

    #[test]
    fn memory_is_bounded() {
        let bounds = ListedDekBounds::default();
        for number in 0..=limits::SPACES as u128 {
            bounds.record(listed(number, DekKind::Record), Cursor::ZERO);
        }
        assert_eq!(bounds.0.lock().len(), 1);
    }
}
