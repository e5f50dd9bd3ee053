//! Up to where a connection has listed the data keys of which space (protocol §4.17).

use std::collections::HashMap;

use less_sync_core::{Cursor, SpaceId, limits};
use parking_lot::Mutex;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Keys of records.
    Records,
    /// Keys of files.
    Files,
}

/// The bounds of the last listings of a connection. Bounded: it forgets everything when it is full, and a rewrap whose
/// listing is forgotten is merely guarded more strictly.
#[derive(Debug, Default)]
pub(crate) struct ListedDeks(Mutex<HashMap<(SpaceId, Kind), Cursor>>);

impl ListedDeks {
    /// The client is about to get the last of a listing with this bound.
    pub(crate) fn note(&self, space: SpaceId, kind: Kind, bound: Cursor) {
        let mut listed = self.0.lock();
        if listed.len() >= limits::SPACES && !listed.contains_key(&(space, kind)) {
            listed.clear();
        }
        listed.insert((space, kind), bound);
    }

    /// The bound of the last listing, if it is known.
    pub(crate) fn bound(&self, space: SpaceId, kind: Kind) -> Option<Cursor> {
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
    fn last_listing_of_its_kind_counts() {
        let listed = ListedDeks::default();
        let [older, newer] = [1, 2].map(|number| Cursor::new(number).unwrap());
        assert_eq!(listed.bound(space(1), Kind::Records), None);
        listed.note(space(1), Kind::Records, older);
        listed.note(space(1), Kind::Records, newer);
        assert_eq!(listed.bound(space(1), Kind::Records), Some(newer));
        assert_eq!(listed.bound(space(1), Kind::Files), None);
        assert_eq!(listed.bound(space(2), Kind::Records), None);
    }

    #[test]
    fn memory_is_bounded() {
        let listed = ListedDeks::default();
        for number in 0..=limits::SPACES as u128 {
            listed.note(space(number), Kind::Records, Cursor::ZERO);
        }
        assert_eq!(listed.0.lock().len(), 1);
    }
}
