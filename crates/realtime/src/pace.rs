//! Paces by key, in constant memory: what exceeds a burst takes turns.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Number of schedules. Keys share one where their hashes collide: then they share a pace, which delays what exceeds it only.
const SCHEDULES: usize = 1024;

/// Schedules of one kind of work. The key of the hash is of this process, so collisions cannot be chosen.
pub(crate) struct Pace {
    hasher: RandomState,
    /// Duration of the work that may be done at once.
    burst: Duration,
    /// Maximum delay.
    max_delay: Duration,
    /// Time at which each schedule has no work left to count.
    empty_at: Mutex<Box<[Option<Instant>]>>,
}

impl Pace {
    /// A pace at which work of the duration `burst` is done at once, and other work is delayed by at most `max_delay`.
    pub(crate) fn new(burst: Duration, max_delay: Duration) -> Self {
        let empty_at = Mutex::new(vec![None; SCHEDULES].into());
        Self { hasher: RandomState::new(), burst, max_delay, empty_at }
    }

    /// Counts work of `key` at `now` whose turn takes `cost`. Returns the time at which the turn ends, `None` for at once.
    pub(crate) fn count(&self, key: impl Hash, cost: Duration, now: Instant) -> Option<Instant> {
        let schedule = usize::try_from(self.hasher.hash_one(key) % SCHEDULES as u64).ok()?;
        let mut schedules = self.empty_at.lock();
        let empty_at = schedules.get_mut(schedule)?;
        let last = now + self.burst + self.max_delay;
        let next = (empty_at.map_or(now, |at| at.max(now)) + cost).min(last);
        *empty_at = Some(next);
        next.checked_sub(self.burst).filter(|due| *due > now)
    }
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").field("burst", &self.burst).finish_non_exhaustive()
    }
}
