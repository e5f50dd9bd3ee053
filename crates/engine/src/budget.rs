//! Sliding-window budgets per actor, held in memory (auth §4.3).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use less_sync_auth::Caller;
use less_sync_core::Timestamp;
use parking_lot::Mutex;

/// How often an actor may succeed at something within a window. Checking and counting are one step.
///
/// Actors are known here by a hash under a key of this process only.
pub(crate) struct Budget {
    window: Duration,
    actors: RandomState,
    successes: Mutex<HashMap<u64, VecDeque<Timestamp>>>,
}

impl Budget {
    /// Actors remembered at once. When full, those whose window has passed are forgotten; if none has, new
    /// actors are rejected rather than memory taken.
    const CAPACITY: usize = 100_000;

    pub(crate) fn new(window: Duration) -> Self {
        Self { window, actors: RandomState::new(), successes: Mutex::default() }
    }

    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    /// Takes one from the caller's budget of `limit`, if any is left. Dropping the reservation gives it back.
    pub(crate) fn reserve(&self, caller: &Caller, limit: usize, now: Timestamp) -> Option<Reservation<'_>> {
        let actor = self.actors.hash_one((&caller.issuer, &caller.user_id));
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
        Some(Reservation { budget: self, actor, at: now, kept: false })
    }

    fn give_back(&self, actor: u64, at: Timestamp) {
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

/// One taken from a budget, until it is known whether the action succeeded.
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    actor: u64,
    at: Timestamp,
    kept: bool,
}

impl Reservation<'_> {
    /// The action succeeded: it counts.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.budget.give_back(self.actor, self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use less_sync_auth::Scopes;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn caller(user: &str) -> Caller {
        Caller {
            issuer: "https://id.example".into(),
            user_id: user.into(),
            client_id: "client".into(),
            scopes: Scopes::default(),
            did: None,
            mailbox_id: None,
            personal_space: None,
            expires_at: Timestamp::from_seconds(0),
            token_id: None,
        }
    }

    #[test]
    fn successes_count_until_their_window_has_passed() {
        let budget = Budget::new(HOUR);
        let start = Timestamp::from_seconds(1000);
        budget.reserve(&caller("a"), 2, start).unwrap().keep();
        budget.reserve(&caller("a"), 2, start.plus(HOUR / 2)).unwrap().keep();
        assert!(budget.reserve(&caller("a"), 2, start.plus(HOUR / 2)).is_none());
        assert!(budget.reserve(&caller("b"), 2, start).is_some(), "budgets are per actor");
        assert!(budget.reserve(&caller("a"), 2, start.plus(HOUR)).is_some());
    }

    /// Whoever may do more has not used up more: both limits count the same actions.
    #[test]
    fn a_greater_limit_counts_the_same_successes() {
        let budget = Budget::new(HOUR);
        let now = Timestamp::from_seconds(1000);
        budget.reserve(&caller("a"), 1, now).unwrap().keep();
        assert!(budget.reserve(&caller("a"), 1, now).is_none());
        budget.reserve(&caller("a"), 2, now).unwrap().keep();
        assert!(budget.reserve(&caller("a"), 2, now).is_none());
    }

    #[test]
    fn a_failed_action_gives_its_share_back() {
        let budget = Budget::new(HOUR);
        let now = Timestamp::from_seconds(1000);
        drop(budget.reserve(&caller("a"), 1, now).unwrap());
        assert!(budget.successes.lock().is_empty());
        assert!(budget.reserve(&caller("a"), 1, now).is_some());
    }

    /// B-15: checking and counting are one step
    #[test]
    fn parallel_reservations_never_exceed_the_limit() {
        let budget = Budget::new(HOUR);
        let now = Timestamp::from_seconds(1000);
        let granted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..50)
                .map(|_| {
                    scope.spawn(|| match budget.reserve(&caller("a"), 10, now) {
                        Some(reservation) => {
                            reservation.keep();
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
