//! Semaphores by key, which exist while a permit of them is held or awaited.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Semaphores by the hash of an actor, with the same number of permits each.
///
/// A semaphore without users is dropped; its entry goes when the map would otherwise grow, so that the map has at most
/// twice as many entries as semaphores are in use.
pub struct KeyedSemaphores {
    permits: usize,
    semaphores: Mutex<HashMap<u64, Weak<Semaphore>>>,
}

impl KeyedSemaphores {
    /// No semaphores; each one created has `permits` permits.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        Self { permits, semaphores: Mutex::default() }
    }

    /// The semaphore of `key`, common to all callers with this key.
    #[must_use]
    pub fn get(&self, key: u64) -> Arc<Semaphore> {
        let mut semaphores = self.semaphores.lock();
        if let Some(known) = semaphores.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        if semaphores.len() == semaphores.capacity() {
            semaphores.retain(|_, semaphore| semaphore.strong_count() > 0);
        }
        let semaphore = Arc::new(Semaphore::new(self.permits));
        semaphores.insert(key, Arc::downgrade(&semaphore));
        semaphore
    }
}

impl fmt::Debug for KeyedSemaphores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedSemaphores").field("permits", &self.permits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_with_the_same_key_share_a_semaphore() {
        let semaphores = KeyedSemaphores::new(1);
        let (first, same, other) = (semaphores.get(1), semaphores.get(1), semaphores.get(2));
        let _permit = first.try_acquire().unwrap();
        assert!(same.try_acquire().is_err());
        assert!(other.try_acquire().is_ok());
    }

    #[test]
    fn unused_semaphores_take_no_memory() {
        let semaphores = KeyedSemaphores::new(1);
        for key in 0..10_000 {
            drop(semaphores.get(key));
        }
        assert!(semaphores.semaphores.lock().len() < 100);
    }
}
