//! Bounded cache with two generations and a time to live; pure, the caller passes the time in.
//!
//! Entries go into the young generation. A full young generation becomes the old one, and the previous old one is
//! dropped as a whole: eviction costs one pointer swap instead of a list update per hit, and at least the most recent
//! generation survives it.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use less_sync_core::Timestamp;

/// Bounds of a [`GenerationCache`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Maximum entries per generation; the cache holds up to twice as many.
    pub(crate) entries: usize,
    /// Maximum bytes of keys and values per generation, without the overhead of the hash table.
    pub(crate) bytes: usize,
    /// Time to live of an entry, exclusive. A hit does not extend it.
    pub(crate) lifetime: Duration,
}

/// Point in time at which an entry was inserted.
pub(crate) trait Stamp: Copy {
    /// Time from `self` to `now`; `None` if the clock was set back behind `self`.
    fn age(self, now: Self) -> Option<Duration>;
}

impl Stamp for Instant {
    fn age(self, now: Self) -> Option<Duration> {
        now.checked_duration_since(self)
    }
}

impl Stamp for Timestamp {
    fn age(self, now: Self) -> Option<Duration> {
        (self <= now).then(|| now.since(self))
    }
}

/// No time: entries stay until they are evicted.
impl Stamp for () {
    fn age(self, (): Self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// Map from `K` to `V` that evicts the older half of its entries when it is full.
pub(crate) struct GenerationCache<K, V, T = Instant> {
    bounds: Bounds,
    young: HashMap<K, Entry<V, T>>,
    /// Bytes inserted into `young`; an overwritten entry counts until the next eviction.
    young_bytes: usize,
    old: HashMap<K, Entry<V, T>>,
}

struct Entry<V, T> {
    value: V,
    inserted: T,
}

impl<K: Eq + Hash, V, T: Stamp> GenerationCache<K, V, T> {
    /// An empty cache within `bounds`.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, young: HashMap::new(), young_bytes: 0, old: HashMap::new() }
    }

    /// The value of `key`, unless its time to live is over at `now`.
    pub(crate) fn get(&self, key: &K, now: T) -> Option<&V> {
        let entry = self.young.get(key).or_else(|| self.old.get(key))?;
        // An entry from the future of a clock that was set back could otherwise outlive its lifetime.
        (entry.inserted.age(now)? < self.bounds.lifetime).then_some(&entry.value)
    }

    /// Inserts or replaces the value of `key`. `heap_bytes` is what key and value hold beside their own size. An entry
    /// larger than a whole generation is not kept.
    pub(crate) fn insert(&mut self, key: K, value: V, heap_bytes: usize, now: T) {
        let bytes = size_of::<(K, Entry<V, T>)>().saturating_add(heap_bytes);
        if bytes > self.bounds.bytes {
            return;
        }
        if self.young.len() >= self.bounds.entries
            || self.young_bytes.saturating_add(bytes) > self.bounds.bytes
        {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.old.remove(&key);
        self.young_bytes += bytes;
        self.young.insert(key, Entry { value, inserted: now });
    }

    /// Removes the value of `key`.
    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Entries in both generations, expired ones included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { entries: 100, bytes: 10_000, lifetime: Duration::from_mins(1) };
    const NOW: Timestamp = Timestamp::from_seconds(1000);

    fn cache() -> GenerationCache<u32, &'static str, Timestamp> {
        GenerationCache::new(BOUNDS)
    }

    #[test]
    fn entry_expires_after_its_lifetime_and_hits_do_not_extend_it() {
        let mut cache = cache();
        cache.insert(1, "one", 0, NOW);
        let just_before = NOW.plus(Duration::from_millis(59_999));
        assert_eq!(cache.get(&1, just_before), Some(&"one"));
        assert_eq!(cache.get(&1, NOW.plus(BOUNDS.lifetime)), None);
        assert_eq!(cache.get(&2, NOW), None);
    }

    #[test]
    fn entry_is_not_used_when_the_clock_was_set_back() {
        let mut cache = cache();
        cache.insert(1, "one", 0, NOW.plus(Duration::from_secs(1)));
        assert_eq!(cache.get(&1, NOW), None);
    }

    #[test]
    fn replacement_is_found_and_counted_once_in_both_generations() {
        let mut cache = cache();
        cache.insert(1, "old", 0, NOW);
        (2..=101).for_each(|key| cache.insert(key, "filler", 0, NOW));
        cache.insert(1, "new", 0, NOW);
        assert_eq!(cache.get(&1, NOW), Some(&"new"));
        assert_eq!(cache.len(), 101);
    }

    #[test]
    fn cache_is_bounded_in_entries_and_keeps_the_newer_half() {
        let mut cache = cache();
        (0..=200).for_each(|key| cache.insert(key, "value", 0, NOW));
        assert_eq!(cache.get(&0, NOW), None);
        assert!((100..=200).all(|key| cache.get(&key, NOW).is_some()));
        (0..10_000).for_each(|key| cache.insert(key, "value", 0, NOW));
        assert!(cache.len() <= 2 * BOUNDS.entries);
    }

    #[test]
    fn cache_is_bounded_in_bytes() {
        let mut cache = cache();
        (0..1000).for_each(|key| cache.insert(key, "value", 900, NOW));
        assert!((10..=20).contains(&cache.len()), "{}", cache.len());
        cache.insert(1000, "larger than a generation", BOUNDS.bytes, NOW);
        assert_eq!(cache.get(&1000, NOW), None);
    }
}
