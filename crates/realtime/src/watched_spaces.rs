//! Spaces that the links of one server watch together (federation RP-3).

use std::collections::HashMap;

use less_sync_core::{ConnectionId, SpaceId};
use parking_lot::Mutex;

/// Spaces that the links of one server watch, each counted once however many links watch it.
#[derive(Debug, Default)]
pub struct WatchedSpaces(Mutex<HashMap<SpaceId, Vec<ConnectionId>>>);

impl WatchedSpaces {
    /// Number of distinct spaces.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Up to `max` of the spaces that `link` watches.
    #[must_use]
    pub fn of_link(&self, link: ConnectionId, max: usize) -> Vec<SpaceId> {
        let watched = self.0.lock();
        let of_link = watched.iter().filter(|(_, links)| links.contains(&link));
        of_link.map(|(space, _)| *space).take(max).collect()
    }

    /// Counts `spaces` for `link`, up to `max` distinct ones, and returns those beyond it. `is_live` tells subscriptions that have
    /// ended by a revocation or an expiry, which are not counted any more.
    pub(crate) fn reserve(
        &self,
        spaces: &[SpaceId],
        link: ConnectionId,
        max: usize,
        is_live: impl Fn(SpaceId, ConnectionId) -> bool,
    ) -> Vec<SpaceId> {
        let mut watched = self.0.lock();
        let new = spaces.iter().filter(|space| !watched.contains_key(space)).count();
        if watched.len() + new > max {
            watched.retain(|space, links| {
                links.retain(|link| is_live(*space, *link));
                !links.is_empty()
            });
        }
        let mut excess = Vec::new();
        for space in spaces {
            let is_full = watched.len() >= max;
            match watched.get_mut(space) {
                Some(links) if links.contains(&link) => {}
                Some(links) => links.push(link),
                None if is_full => excess.push(*space),
                None => {
                    watched.insert(*space, vec![link]);
                }
            }
        }
        excess
    }

    /// Uncounts `space` for `link`.
    pub(crate) fn release(&self, space: SpaceId, link: ConnectionId) {
        let mut watched = self.0.lock();
        let Some(links) = watched.get_mut(&space) else { return };
        links.retain(|known| *known != link);
        if links.is_empty() {
            watched.remove(&space);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(number: u128) -> SpaceId {
        SpaceId::from_bytes(number.to_be_bytes())
    }

    fn link(number: u128) -> ConnectionId {
        ConnectionId::from_bytes(number.to_be_bytes())
    }

    /// Federation RP-3, T-036.
    #[test]
    fn t_036_distinct_spaces_are_counted_over_all_links() {
        let watched = WatchedSpaces::default();
        let live = |_, _| true;
        assert_eq!(watched.reserve(&[space(1), space(2), space(1)], link(1), 2, live), []);
        assert_eq!(watched.reserve(&[space(2), space(3)], link(2), 2, live), [space(3)]);
        assert_eq!(watched.count(), 2);
        watched.release(space(2), link(1));
        assert_eq!(watched.count(), 2, "the other link watches it");
        watched.release(space(2), link(2));
        watched.release(space(9), link(2));
        assert_eq!(watched.reserve(&[space(3)], link(2), 2, live), []);
    }

    #[test]
    fn ended_subscriptions_make_room() {
        let watched = WatchedSpaces::default();
        assert_eq!(watched.reserve(&[space(1), space(2)], link(1), 2, |_, _| true), []);
        assert_eq!(watched.reserve(&[space(3)], link(1), 2, |of, _| of != space(1)), []);
        assert_eq!(watched.count(), 2);
    }
}
