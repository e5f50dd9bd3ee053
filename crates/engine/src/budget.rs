//! In-memory sliding-window rate limit per actor (auth §4.3).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use less_sync_core::Timestamp;
use parking_lot::Mutex;

use crate::actor::Actor;

/// Sliding-window counter of successful actions per actor. Check and count are one atomic step.
///
/// Actors are stored as hashes under a random key of this process, so that a memory dump names no user.
pub(crate) struct Budget {
    window: Duration,
    actors: RandomState,
    successes: Mutex<HashMap<u64, VecDeque<Timestamp>>>,
}

impl Budget {
    /// Maximum actors in memory. A full map first drops actors whose window has passed; if there are none, actions of new
    /// actors are rejected.
    const CAPACITY: usize = 100_000;

    pub(crate) fn new(window: Duration) -> Self {
        Self { window, actors: RandomState::new(), successes: Mutex::default() }
    }

    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    /// Counts an action of `actor` unless `limit` actions lie within the window. Dropping the reservation releases it.
    pub(crate) fn reserve(&self, actor: &Actor<'_>, limit: usize, now: Timestamp) -> Option<Reservation<'_>> {
        let actor = self.actors.hash_one((&actor.issuer, actor.user));
        let mut successes = self.successes.lock();
        if successes.len() >= Self::CAPACITY && !successes.contains_key(&actor) {
            successes.retain(|_, times| times.back().is_some_and(|last| now.since(*last) < self.window));
            if successes.len() >= Self::CAPACITY {
                return None;
            }
        }
        let times = successes.entry(actor).or_default();
        while times.front().is_some_and(|first| now.since(*first) >= self.window) {
            times.pop_front();
        }
        if times.len() >= limit {
            return None;
        }
        times.push_back(now);
        Some(Reservation { budget: self, actor, at: now, committed: false })
    }

    fn release(&self, actor: u64, at: Timestamp) {
        let mut successes = self.successes.lock();
        let Some(times) = successes.get_mut(&actor) else { return };
        if let Some(index) = times.iter().rposition(|time| *time == at) {
            times.remove(index);
        }
        if times.is_empty() {
            successes.remove(&actor);
        }
    }
}

/// Counted action whose outcome is not known yet; released on drop unless committed.
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    actor: u64,
    at: Timestamp,
    committed: bool,
}

impl Reservation<'_> {
    /// Makes the count of a successful action permanent.
    pub(crate) fn commit(mut self) {
        self.committed = true;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.committed {
            self.budget.release(self.actor, self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_caller::caller;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn successes_count_until_their_window_has_passed() {
        let budget = Budget::new(HOUR);
        let start = Timestamp::from_seconds(1000);
        budget.reserve(&(&caller("a")).into(), 2, start).unwrap().commit();
        budget.reserve(&(&caller("a")).into(), 2, start.plus(HOUR / 2)).unwrap().commit();
        assert!(budget.reserve(&(&caller("a")).into(), 2, start.plus(HOUR / 2)).is_none());
        assert!(budget.reserve(&(&caller("b")).into(), 2, start).is_some(), "budgets are per actor");
        assert!(budget.reserve(&(&caller("a")).into(), 2, start.plus(HOUR)).is_some());
    }

    /// Members and administrators have different limits over the same count.
    #[test]
    fn a_greater_limit_counts_the_same_successes() {
        let budget = Budget::new(HOUR);
        let now = Timestamp::from_seconds(1000);
        budget.reserve(&(&caller("a")).into(), 1, now).unwrap().commit();
        assert!(budget.reserve(&(&caller("a")).into(), 1, now).is_none());
        budget.reserve(&(&caller("a")).into(), 2, now).unwrap().commit();
        assert!(budget.reserve(&(&caller("a")).into(), 2, now).is_none());
    }

    #[test]
    fn failed_action_releases_its_reservation() {
        let budget = Budget::new(HOUR);
        let now = Timestamp::from_seconds(1000);
        drop(budget.reserve(&(&caller("a")).into(), 1, now).unwrap());
        assert!(budget.successes.lock().is_empty());
        assert!(budget.reserve(&(&caller("a")).into(), 1, now).is_some());
    }

    /// B-15: check and count are one atomic step.
    #[test]
    fn parallel_reservations_never_exceed_the_limit() {
        let budget = Budget::new(HOUR);
        let now = Timestamp::from_seconds(1000);
        let granted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..50)
                .map(|_| {
                    scope.spawn(|| match budget.reserve(&(&caller("a")).into(), 10, now) {
                        Some(reservation) => {
                            reservation.commit();
                            1
                        }
                        None => 0,
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(granted, 10);
    }
}
