//! Counters by key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// Counters by key, each up to a bound; a count of zero takes no memory.
#[derive(Debug)]
pub struct Tallies<K>(HashMap<K, usize>);

impl<K> Default for Tallies<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Tallies<K> {
    /// Adds one to the count of `key`. Returns false, without a change, if the count has reached `bound`; a bound of 0 never
    /// is.
    pub fn add(&mut self, key: K, bound: usize) -> bool {
        let count = self.0.get(&key).copied().unwrap_or_default();
        let fits = bound == 0 || count < bound;
        if fits {
            self.0.insert(key, count + 1);
        }
        fits
    }

    /// Subtracts one from the count of `key`.
    pub fn remove(&mut self, key: K) {
        if let Entry::Occupied(mut entry) = self.0.entry(key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    /// True if every count is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
