//! Cache of the immutable part of spaces, so that authorization costs no round trip (storage P19).

use std::time::{Duration, Instant};

use less_sync_auth::RootKey;
use less_sync_core::SpaceId;
use parking_lot::RwLock;

use crate::generation_cache::{Bounds, GenerationCache};

/// Kind of credential that opens a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessMode {
    /// The access token of the owner only. Also a shared space whose root key is not a point on the curve: no chain
    /// can end at it.
    Personal,
    /// UCAN chains that end at this root key.
    Chain(RootKey),
}

/// Access modes of recently used spaces.
pub(crate) struct SpaceCache(RwLock<GenerationCache<SpaceId, AccessMode>>);

impl SpaceCache {
    /// 65 536 spaces in both generations, below 10 MiB.
    ///
    /// The lifetime bounds how long this server acts on an outdated home server: an operator may move an empty space
    /// to another one.
    const BOUNDS: Bounds =
        Bounds { entries: 32_768, bytes: 5 * 1024 * 1024, lifetime: Duration::from_mins(1) };

    pub(crate) fn get(&self, space: SpaceId, now: Instant) -> Option<AccessMode> {
        self.0.read().get(&space, now).copied()
    }

    /// Removes a space, which is looked up anew by the next request.
    pub(crate) fn remove(&self, space: SpaceId) {
        self.0.write().remove(&space);
    }

    pub(crate) fn insert(&self, space: SpaceId, mode: AccessMode, now: Instant) {
        self.0.write().insert(space, mode, 0, now);
    }
}

impl Default for SpaceCache {
    fn default() -> Self {
        Self(RwLock::new(GenerationCache::new(Self::BOUNDS)))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
mod tests {
    use super::*;

    fn space(number: u128) -> SpaceId {
        SpaceId::from_bytes(number.to_be_bytes())
    }

    #[test]
    fn space_is_known_for_a_minute() {
        let (cache, now) = (SpaceCache::default(), Instant::now());
        assert_eq!(cache.get(space(1), now), None);
        cache.insert(space(1), AccessMode::Personal, now);
        assert_eq!(cache.get(space(1), now + Duration::from_millis(59_999)), Some(AccessMode::Personal));
        assert_eq!(cache.get(space(1), now + Duration::from_mins(1)), None);
    }

    #[test]
    fn removed_space_is_unknown() {
        let (cache, now) = (SpaceCache::default(), Instant::now());
        for number in 0..=SpaceCache::BOUNDS.entries as u128 {
            cache.insert(space(number), AccessMode::Personal, now);
        }
        // A space of the old generation, and one of the young.
        for number in [0, SpaceCache::BOUNDS.entries as u128] {
            assert!(cache.get(space(number), now).is_some());
            cache.remove(space(number));
            assert_eq!(cache.get(space(number), now), None);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_newer_half_stays() {
        let (cache, now) = (SpaceCache::default(), Instant::now());
        let per_generation = SpaceCache::BOUNDS.entries as u128;
        for number in 0..=2 * per_generation {
            cache.insert(space(number), AccessMode::Personal, now);
        }
        assert_eq!(cache.get(space(0), now), None);
        assert!(cache.get(space(per_generation + 1), now).is_some());
        assert!(cache.0.read().len() <= 2 * SpaceCache::BOUNDS.entries);
    }
}
